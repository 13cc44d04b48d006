// A model's memory of its streams: everything that it needs to go on with the next frame.
#pragma once

#include <cstdint>
#include <vector>

#include "core/array.h"
#include "nn/block.h"

namespace trecvit {

// Letters: S slots, one per stream.
class ModelState {
 public:
  nn::MixerStates layers;       // one per layer, each of its mixer's own kind
  at::Tensor head_sum;          // [S, head_width] fp64: running sum of tanh(pre-logits); fp32 would stop at 2^24 frames
  at::Tensor frames_processed;  // [S] int64, on the device as head_sum

  std::int64_t slots() const { return frames_processed.size(0); }
  // Bytes of all layers; and the bytes that one frame of every slot reads and writes there.
  std::int64_t bytes() const;
  std::int64_t bytes_per_frame() const;

  // The stream of a slot forgets everything, the others nothing.
  void reset(std::int64_t slot);
  ModelState clone() const;
  // The given slots, in that order, as a state of their own; and back into them.
  ModelState gather(const std::vector<std::int64_t>& slots) const;
  void scatter(const std::vector<std::int64_t>& slots, const ModelState& from);

  // As named arrays for a file ("layer_00/0", ..., "head_sum", "frames"), and back into a state of the same shape. A state
  // that is refused leaves this one as it was. Error: a missing array, another shape or type, a negative number of frames.
  NamedArrays save() const;
  void load(const NamedArrays& arrays);
};

}  // namespace trecvit
