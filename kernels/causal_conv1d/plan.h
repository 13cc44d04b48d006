// How the causal convolution's frames are shared between the threads of a GPU; from sizes alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/grid.h"

namespace trecvit::kernels {

inline constexpr std::int64_t kConvTileFrames = 4;  // that a thread takes at a time

// Frames (or steps) to a thread that runs through `all` of them, one thread to each of `vectors`: all, or where that
// leaves too few threads, whole tiles but never so few that reading history twice would cost more than 5 %. Chunks lie
// along y of the grid.
constexpr std::int64_t conv_chunk_frames(std::int64_t all, std::int64_t vectors) {
  constexpr std::int64_t kShortest = 64, kWanted = 256 * 1024;
  const std::int64_t chunks = std::min((kWanted + vectors - 1) / vectors, kMostBlocksY);
  const std::int64_t each = (all + chunks - 1) / chunks;
  return std::min(all, std::max(kShortest, (each + kConvTileFrames - 1) / kConvTileFrames * kConvTileFrames));
}

}  // namespace trecvit::kernels
