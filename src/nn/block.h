// The two kinds of block a TRecViT alternates: over time, and over the tokens of a frame.
#pragma once

#include <memory>

#include "nn/attention.h"
#include "nn/gated_lru.h"
#include "nn/norm.h"

namespace trecvit::nn {

// x + mixer(RMSNorm(x)): over time, every (b, n) by itself. "residualblock_II".
struct TemporalBlock {
  Norm norm;
  std::unique_ptr<TemporalMixer> mixer;

  // x [T, B, N, C]; state, seen and reset as in TemporalMixer, rows = B*N.
  Tensor operator()(const Tensor& x, MixerState* state, const Tensor& seen, const Tensor& reset) const;
};

// x + attention(LayerNorm(x)), then x + mlp(LayerNorm(x)): every (t, b) by itself. "encoderblock_I".
struct SpatialBlock {
  Norm norm_attention, norm_mlp;
  Attention attention;
  Linear dense_0, dense_1;  // C -> M -> C with gelu between

  // x [T, B, N, C] -> its first `kept` tokens, [T, B, kept, C].
  Tensor operator()(const Tensor& x, std::int64_t kept) const;
};

// A stack of pairs of them, closed by a LayerNorm, under the official names: `prefix`/residualblock_II,
// `prefix`/encoderblock_I, `prefix`/encoder_norm.
struct BlockStackConfig {
  std::int64_t width, depth, heads, mlp_width, lru_width;
  double min_radius, max_radius;
};

struct Trace;

struct BlockStack {
  std::vector<TemporalBlock> temporal;
  std::vector<SpatialBlock> spatial;
  Norm norm;

  // x [T, B, N, C] -> its first `kept` tokens, [T, B, kept, C]: behind the last attention no others are calculated.
  // states: null (clips begin here), or one per pair; then the streams go on, of which each has seen so many frames,
  // [B] int64, but for those that have seen none.
  Tensor operator()(Tensor x, std::int64_t kept, std::vector<MixerState>* states, const Tensor& seen,
                    Trace* trace = nullptr) const;
};
BlockStack make_block_stack(ParameterStore& store, const std::string& prefix, const BlockStackConfig& config);

// What every block gave, when asked for: [T, B, N, C] each.
struct Trace {
  Tensor tokens, encoded;
  std::vector<Tensor> temporal, spatial;
};

}  // namespace trecvit::nn
