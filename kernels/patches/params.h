// Frames of RGB levels cut into patches: rows of patches from the top left, pixels within a patch row by row, channels
// last, levels divided by 255.
#pragma once

#include <cstdint>

#include "kernels/element.h"

namespace trecvit::kernels {

template <class Io>
struct PatchesParams {
  std::int64_t frames = 0, rows = 0, columns = 0, side = 0;  // patches down and across a frame, pixels of a side
  const std::uint8_t* video = nullptr;                       // [frames, rows * side, columns * side, 3]
  Io* patches = nullptr;                                     // [frames, rows * columns, side * side * 3]
};

}  // namespace trecvit::kernels
