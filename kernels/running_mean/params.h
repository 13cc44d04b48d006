// What the running mean of streams is told: what a classifier remembers of its frames. Letters: T frames, B streams, W
// features.
//
//   out_t = tanh(x_t), rounded to Io     sum += out_t, for t = 0 to T-1     mean = sum / seen
//
// One frame at a time and chunks add in the same order. Sums are fp64: fp32 would take no frame in any more after 2^24.
#pragma once

#include <cstdint>

namespace trecvit::kernels {

template <class Io>
struct RunningMean {
  std::int64_t frames = 0, streams = 0, width = 0;  // T, B, W
  const Io* x = nullptr;                            // [T, B, W]
  const std::int64_t* seen = nullptr;               // [B], frames of each stream, these among them
  Io* out = nullptr;                                // [T, B, W]
  double* sum = nullptr;                            // [B, W], of all frames; read and written
  Io* mean = nullptr;                               // [B, W]
};

}  // namespace trecvit::kernels
