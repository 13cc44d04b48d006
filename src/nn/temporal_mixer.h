// What mixes information over time. TRecViT's own is the gated LRU; others can take its place.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/norm.h"

namespace trecvit::nn {

// What one layer remembers of the frames it has seen: named tensors whose first dimension is rows = B*N (stream-major).
// One with three dimensions, [rows, K, .], is a ring: what it knows of frame s of a stream is line s mod K.
struct MixerState {
  std::vector<Tensor> tensors;
};

class TemporalMixer {
 public:
  virtual ~TemporalMixer() = default;

  // x [T, rows, C] -> x + what the mixer makes of norm(x), [T, rows, C]: norm and sum are part of its first and last
  // product. Row r at time t sees times <= t of row r alone.
  // `state` null: every row begins here. Otherwise the rows continue from `state`, after seen [B] (int64) frames, which
  // then holds what they know after the last one; no gradient may be recorded meanwhile. reset [T, rows] (bool) is true
  // where a row begins, at t = 0 alone; undefined: nowhere.
  virtual Tensor forward(const Tensor& x, const Norm& norm, MixerState* state, const Tensor& seen,
                         const Tensor& reset) const = 0;

  // Zeroed state for so many rows, and the official names of its tensors ("rg_lru", "conv1d").
  virtual MixerState make_state(std::int64_t rows, at::Device device, at::ScalarType dtype) const = 0;
  virtual std::vector<std::string> state_names() const = 0;
};

}  // namespace trecvit::nn
