// A decoded picture, still in the planes the decoder wrote. No FFmpeg type appears in this folder's headers.
#pragma once

#include <cstdint>
#include <memory>

struct AVFrame;

namespace trecvit::video {

// Shares one decoder buffer; valid until the Decoder that lent it decodes the next frame.
struct Frame {
  const AVFrame* picture = nullptr;
  int width = 0;  // pixels as displayed, after rotation metadata; never stretched by a pixel aspect ratio
  int height = 0;
  int rotation = 0;         // degrees clockwise to apply for display: 0, 90, 180, 270
  bool mirrored = false;    // left-right, after the rotation
  std::int64_t number = 0;  // in presentation order, from 0
  double pts_s = 0;         // presentation time in seconds from the first frame
};

}  // namespace trecvit::video
