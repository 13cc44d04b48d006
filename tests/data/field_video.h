// H.264 whose frames are coded as two fields, for no encoder at hand writes such streams: uncompressed blocks, bit by
// bit.
#pragma once

#include <string>
#include <vector>

namespace trecvit::video_test {

struct FieldVideoSpec {
  int frames = 12;
  bool one_packet = false;  // both fields of a frame in one access unit
  int lost_field = -1;      // this one is left out, counted from 0
};

// Access units with start codes, the first one behind its parameter sets. Frames of kWidth x kHeight show their numbers
// as those of write_clip() do.
std::vector<std::string> field_video(const FieldVideoSpec& spec);

}  // namespace trecvit::video_test
