// RGB bytes into the pixel format of an encoder. Internal to data/video.
#pragma once

#include <cstdint>
#include <span>

#include "data/video/libav.h"

namespace trecvit::video {

// Converts pictures of one size: BT.601, in the range that the format implies.
class RgbInput {
 public:
  // The frame may be larger than the pictures by a row or a column, which then repeats the last one.
  RgbInput(int width, int height, int frame_width, int frame_height, AVPixelFormat format);

  // rgb: [height, width, 3]. Valid until the next call.
  AVFrame& convert(std::span<const std::uint8_t> rgb);

 private:
  int width_, height_;
  Handle<SwsContext> scaler_;
  Handle<AVFrame> rgb_;    // swscale reads a few bytes beyond the last pixel: only FFmpeg's own buffers have room
  Handle<AVFrame> frame_;  // in the encoder's format
};

}  // namespace trecvit::video
