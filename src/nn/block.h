// The two kinds of block a TRecViT alternates: over time, and over the tokens of a frame.
#pragma once

#include <memory>

#include "nn/attention.h"
#include "nn/mixer_factory.h"
#include "nn/norm.h"

namespace trecvit::nn {

// x + mixer(RMSNorm(x)): over time, every (b, n) by itself. "residualblock_II".
struct TemporalBlock {
  Norm norm;
  std::unique_ptr<TemporalMixer> mixer;

  // x [T, B, N, C]; state and positions as in TemporalMixer, rows = B*N.
  Tensor operator()(const Tensor& x, MixerState* state, const StreamPositions& positions) const;
};

// x + attention(LayerNorm(x)), then x + mlp(LayerNorm(x)): every (t, b) by itself. "encoderblock_I".
struct SpatialBlock {
  Norm norm_attention, norm_mlp;
  Attention attention;
  Linear dense_0, dense_1;  // C -> M -> C with gelu between

  // x [T, B, N, C] -> its first `output_tokens` tokens, [T, B, output_tokens, C].
  Tensor operator()(const Tensor& x, std::int64_t output_tokens) const;
};

// A stack of pairs of them, closed by a LayerNorm, under the official names: `prefix`/residualblock_II,
// `prefix`/encoderblock_I, `prefix`/encoder_norm.
struct BlockStackConfig {
  std::int64_t width = 0, depth = 0, heads = 0, mlp_width = 0;  // C, L, H, M
  std::vector<std::string> mixers;                              // pattern, repeated over the depth
  MixerConfig mixer;                                            // finished

  MixerSite site() const { return {.width = width, .heads = heads, .depth = depth}; }
};

struct Trace;
using MixerStates = std::vector<std::unique_ptr<MixerState>>;  // one per layer

struct BlockStack {
  std::vector<TemporalBlock> temporal;
  std::vector<SpatialBlock> spatial;
  Norm norm;

  // x [T, B, N, C] -> its first `output_tokens` tokens, [T, B, output_tokens, C]; the last block's MLP runs on these alone.
  // `states` null: clips begin here. Otherwise the streams of `positions` go on from there.
  Tensor operator()(Tensor x, std::int64_t output_tokens, const MixerStates* states, const StreamPositions& positions,
                    Trace* trace = nullptr) const;
  MixerStates make_states(std::int64_t slots, std::int64_t tokens, at::Device device, at::ScalarType dtype) const;
};
BlockStack make_block_stack(ParameterStore& store, const std::string& prefix, const BlockStackConfig& config);

// The output of every block, [T, B, N, C] each, when somebody wants to look inside.
struct Trace {
  Tensor tokens, encoded;
  std::vector<Tensor> temporal, spatial;
};

}  // namespace trecvit::nn
