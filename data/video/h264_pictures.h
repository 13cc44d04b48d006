// Which H.264 slices begin a picture, and which two fields are one frame. Internal to data/video.
//
// Note [Field coding]: a frame of an interlaced stream may be coded as two pictures, its fields (PAFF), which travel in
// one packet (Matroska) or in two (MPEG-TS, and what is copied from there). Only the headers of their slices say so,
// and those can only be read with the parameter sets that they name.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace trecvit::video {

class H264Pictures {
 public:
  // NAL units without start code or length; others than sequence and picture parameter sets are passed over.
  void parameter_set(std::span<const std::uint8_t> nal);

  enum class Slice {
    kFrame,        // of a whole frame, or nothing is known about its picture
    kFirstField,   // of a field that begins a frame
    kSecondField,  // of the field that completes it
    kStray,        // of a picture that begins where the second field of the one before is missing
  };
  Slice slice(std::span<const std::uint8_t> nal);

  // Whether the second half of a frame is still to come.
  bool open() const { return open_; }

 private:
  struct Sequence {
    int frame_num_bits = 0;
    bool frames_only = true, separate_planes = false;
  };

  std::array<std::optional<Sequence>, 32> sequences_;
  std::array<std::optional<std::uint8_t>, 256> sequence_of_;  // by picture parameter set
  bool open_ = false;
  Slice last_ = Slice::kFrame;  // what was said of the last field; kFrame after a frame
  bool bottom_ = false;
  std::uint32_t frame_num_ = 0;
};

}  // namespace trecvit::video
