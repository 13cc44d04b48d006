// The interface of layers that mix information over time. TRecViT's own is the gated LRU (nn/gated_lru.h).
#pragma once

#include <memory>

#include "nn/mixer_state.h"
#include "nn/norm.h"
#include "ops/stream_positions.h"

namespace trecvit::nn {

using ops::StreamPositions;

class TemporalMixer {
 public:
  virtual ~TemporalMixer() = default;

  // x [T, rows, C] -> x + mixer(norm(x)), [T, rows, C]; norm and sum are fused with the first and last product. Row r at
  // time t depends on times <= t of row r alone.
  // Clips: `state` is null, every row begins at t = 0. Streams: the rows go on from `state` (all slots of it), which then
  // holds what they know after the last frame; no gradient may be recorded. `positions` says which slots the streams have
  // and which rows begin.
  virtual Tensor forward(const Tensor& x, const Norm& norm, MixerState* state, const StreamPositions& positions) const = 0;

  // The state of streams without a past: `slots` of them, of `tokens` rows each.
  virtual std::unique_ptr<MixerState> make_state(std::int64_t slots, std::int64_t tokens, at::Device device,
                                                 at::ScalarType dtype) const = 0;
};

}  // namespace trecvit::nn
