// Arguments of the running mean of streams: a classifier's memory of its frames. Letters: T frames, B streams of the
// step, S slots of the state, W features.
//
//   out_t = tanh(x_t), rounded to Io     sum += out_t, for t = 0 to T-1     mean = sum / (frames_before + T)
//
// One frame at a time and chunks add in the same order. Sums are fp64: an fp32 sum would stop growing after 2^24 frames.
#pragma once

#include <cstdint>

namespace trecvit::kernels {

template <class Io>
struct RunningMean {
  std::int64_t frames = 0, streams = 0, width = 0;  // T, B, W
  const Io* x = nullptr;                            // [T, B, W]
  const std::int64_t* slots = nullptr;              // [B], the slot of each stream in `sum`; null: stream b has slot b
  const std::int64_t* frames_before = nullptr;      // [B], frames of each stream before these
  Io* out = nullptr;                                // [T, B, W]
  double* sum = nullptr;                            // [S, W], of all frames; read and written
  Io* mean = nullptr;                               // [B, W]

  constexpr std::int64_t sum_at(std::int64_t at) const {
    return slots ? slots[at / width] * width + at % width : at;
  }
  constexpr double count(std::int64_t at) const { return static_cast<double>(frames_before[at / width] + frames); }
};

}  // namespace trecvit::kernels
