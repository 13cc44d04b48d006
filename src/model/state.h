// What a model remembers of its streams: everything needed to go on with the next frame.
#pragma once

#include <cstdint>
#include <vector>

#include "core/array.h"
#include "nn/temporal_mixer.h"

namespace trecvit {

class ModelState {
 public:
  std::vector<nn::MixerState> layers;  // per layer h [B*N, R] fp32 and the last three conv inputs, a ring [B*N, 3, R]
  at::Tensor head_sum;  // [B, head_width] fp64: running sum of tanh(pre-logits); fp32 would stop at 2^24 frames
  at::Tensor frames;    // [B] int64, beside head_sum: frames seen by each stream

  std::int64_t streams() const { return frames.size(0); }
  // What a frame of all streams must read and write of the recurrent layers; of a ring it writes one line.
  std::int64_t bytes_moved() const;

  // Stream b forgets everything, the others nothing.
  void reset(std::int64_t stream);
  ModelState clone() const;
  // The first `streams` of these streams, in the same memory.
  ModelState first(std::int64_t streams) const;

  // A tensor of `layers` with the lines of a ring in order, oldest first, as recurrentgemma's cache has them; a copy.
  at::Tensor in_order(const at::Tensor& tensor) const;
  // As named arrays for a file ("layer_00/rg_lru", ..., "head_sum", "frames"), rings in order, and back into a state of
  // the same shape. Error: a missing array, another shape or type, a count of frames that cannot be; the state is then
  // as it was.
  NamedArrays save() const;
  void load(const NamedArrays& arrays);
};

}  // namespace trecvit
