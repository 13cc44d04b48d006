// What a model remembers of its streams: everything needed to go on with the next frame.
#pragma once

#include <cstdint>
#include <vector>

#include "core/array.h"
#include "nn/temporal_mixer.h"

namespace trecvit {

class ModelState {
 public:
  std::vector<nn::MixerState> layers;  // per layer h [B*N, R] fp32 and the last three conv inputs [B*N, 3, R]
  at::Tensor head_sum;  // [B, head_width] fp64: running sum of tanh(pre-logits); fp32 would stop at 2^24 frames
  at::Tensor frames;    // [B] int64, beside head_sum: frames seen by each stream

  std::int64_t streams() const { return frames.size(0); }
  std::int64_t bytes() const;  // of the recurrent layers, all streams

  // Stream b forgets everything, the others nothing.
  void reset(std::int64_t stream);
  ModelState clone() const;
  // The first `streams` of these streams, in the same memory.
  ModelState first(std::int64_t streams) const;

  // As named arrays for a file ("layer_00/rg_lru", ..., "head_sum", "frames"), and back into a state of the same shape.
  // Error: a missing array or another shape.
  NamedArrays save() const;
  void load(const NamedArrays& arrays);

  // [B*N] bool, true in the rows of streams that have seen nothing.
  at::Tensor fresh_rows() const;
};

}  // namespace trecvit
