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
  at::Tensor head_sum;                 // [B, head_width] fp32: running sum of tanh(pre-logits)
  std::vector<std::int64_t> frames;    // [B]: frames seen by each stream

  std::int64_t streams() const { return static_cast<std::int64_t>(frames.size()); }
  std::int64_t bytes() const;  // of the recurrent layers, all streams

  // Stream b forgets everything, the others nothing.
  void reset(std::int64_t stream);
  ModelState clone() const;

  // As named arrays for a file ("layer_00/rg_lru", ..., "head_sum", "frames"), and back into a state of the same shape.
  // Error: a missing array or another shape.
  NamedArrays save() const;
  void load(const NamedArrays& arrays);

  // [B*N] bool, true in the rows of streams that have seen nothing; undefined when there is none.
  at::Tensor fresh_rows() const;
};

}  // namespace trecvit
