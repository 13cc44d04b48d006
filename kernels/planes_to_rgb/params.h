// Decoded pictures to RGB pixels. Every component (Y, Cb and Cr; R, G and B; grey alone) is resampled by an antialiased
// bilinear filter: a triangle of half-width max(1, step) samples around each output pixel's centre, cut off at the
// edges of the component and scaled to sum to one. A colour matrix then gives pixels, rounded to the nearest and
// clamped.
#pragma once

#include <cstdint>

namespace trecvit::kernels {

struct ConvertAxis {
  double start = 0;  // where the part that is shown begins, in samples; sample j has its centre at j + 0.5
  double step = 1;   // samples per output pixel
};

struct ConvertComponent {
  std::int64_t at = 0;                 // bytes from ConvertParams::samples to the first sample
  std::int32_t stride = 0;             // bytes between rows
  std::int32_t spacing = 1;            // bytes between neighbours
  std::int32_t wide = 0;               // 1: 16-bit samples, all at even addresses; 0: 8-bit
  std::int32_t width = 0, height = 0;  // samples, at least 1
  ConvertAxis horizontal, vertical;
};

struct ConvertPicture {
  ConvertComponent component[3];
  std::int32_t components = 3;         // 3, or 1 for grey
  std::int32_t columns = 0, rows = 0;  // output pixels along the axes of the components
  // Output pixel (column i, row j) has the number origin + i * column_step + j * row_step in its picture.
  std::int32_t origin = 0, column_step = 1, row_step = 0;
  // level[c] = offset[c] + sum over k < components of matrix[c][k] * component k
  float matrix[3][3] = {}, offset[3] = {};
};

struct ConvertParams {
  std::int64_t pictures = 0;
  std::int64_t width = 0,
               height = 0;  // of every output picture: its columns and rows, or where it is turned, the reverse
  const std::uint8_t* samples = nullptr;
  const ConvertPicture* picture = nullptr;  // [pictures]
  std::uint8_t* rgb = nullptr;              // [pictures, height, width, 3]
};

}  // namespace trecvit::kernels
