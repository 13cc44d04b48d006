// Pixels from elsewhere (a pipe, a camera library, a test) as a Frame, without a copy.
#pragma once

#include <cstdint>
#include <span>

#include "data/video/frame.h"

namespace trecvit::video {

// The layouts that need no decoder. Bytes per pixel in brackets.
enum class RawFormat {
  kRgb24,    // R G B packed (3)
  kYuv420p,  // the Y plane, then Cb, then Cr, both halved in each direction, rounded up; BT.601, limited range (1.5)
};

// Bytes of one picture.
std::int64_t raw_frame_bytes(RawFormat format, int width, int height);

// Wraps one picture that the caller keeps alive and may change between uses. Movable.
class RawFrame {
 public:
  // UsageError: a size below 1 pixel; InternalError: `bytes` is not raw_frame_bytes() long.
  RawFrame(std::span<const std::uint8_t> bytes, RawFormat format, int width, int height, std::int64_t number = 0,
           double pts_s = 0);
  // Points at another picture of the same format and size; allocates nothing.
  void reset(std::span<const std::uint8_t> bytes, std::int64_t number, double pts_s);
  const Frame& frame() const { return frame_; }

 private:
  RawFormat format_;
  std::shared_ptr<AVFrame> picture_;
  Frame frame_;
};

}  // namespace trecvit::video
