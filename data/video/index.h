// The presentation order of a video's frames, from one scan of its packets. Internal to data/video.
#pragma once

#include <cstdint>
#include <vector>

#include "data/video/bitstream.h"
#include "data/video/container.h"

namespace trecvit::video {

struct IndexedPacket {
  Handle<AVPacket> packet;  // kept when the file is small; its pts is `display_index`, or absent for packets that show nothing
  std::int64_t pts = 0, dts = 0;
  std::int64_t display_index = -1;  // number of the frame it shows, in presentation order; -1: none
  int size = 0;
  bool start = false;
  bool droppable = false;
};

// A packet from which decoding may begin for any frame numbered `display_index` or higher.
struct StartPoint {
  std::size_t packet = 0;
  std::int64_t display_index = 0;
};

struct Index {
  std::vector<IndexedPacket> packets;  // in decoding order
  std::vector<double> times;           // seconds from the first frame; by presentation order
  std::vector<StartPoint> starts;      // ascending in both members
  bool kept = true;                    // the packets themselves are in memory
  // False when packets do not tell the order (no or doubled times, several pictures in a packet, a file that starts in
  // the middle of a group, codecs we cannot read): frames are then counted by decoding from the beginning, and `times`
  // is empty.
  bool by_time = false;
  int reorder = 0;  // most frames that are decoded before, but shown after, another
};

// Reads `container` from its first packet to its last; keeps the packets if they are no more than `memory_bytes` in
// all.
Index scan(Container& container, std::int64_t memory_bytes);

}  // namespace trecvit::video
