// A decoded picture as three sampled components and the colour matrix that turns them into RGB. Internal to data/video.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "data/video/libav.h"

namespace trecvit::video {

// One component (Y, Cb, Cr, R, ...) of a picture. Along an axis, sample j lies at `site + j * spacing` in picture
// coordinates, whose pixel i has its centre at i + 0.5.
struct Component {
  const std::uint8_t* data = nullptr;
  std::ptrdiff_t stride = 0;  // bytes between rows; negative for pictures stored bottom-up
  int step = 1;               // bytes between neighbours in a row
  bool wide = false;          // 16-bit little-endian samples, else 8-bit
  int width = 0, height = 0;  // samples
  double spacing_x = 1, spacing_y = 1;
  double site_x = 0.5, site_y = 0.5;
};

struct Picture {
  int components = 0;  // 3, or 1 for grey
  std::array<Component, 3> component;
  // rgb[c] = offset[c] + sum over k of matrix[c][k] * sample[k], in 0..255.
  std::array<std::array<float, 3>, 3> matrix{};
  std::array<float, 3> offset{};
};

// Planar and packed YUV, grey and RGB of 8 to 16 bits are taken as they are; other formats pass through swscale into a
// buffer of this thread, valid until the next call. Error: a format that swscale does not know either.
//
// The rules are those of `ffmpeg -pix_fmt rgb24`: the matrix by the colour space tag, BT.601 when there is none,
// whatever the size; limited range when there is no tag; yuvj formats and grey are full range. Chroma sites by the tag;
// untagged 4:2:0 and 4:2:2 have their chroma level with the left luma samples (MPEG-2, H.264), full-range JPEG formats
// in the middle.
Picture describe(const AVFrame& frame);

}  // namespace trecvit::video
