#include "nn/block.h"

#include <cstdio>

namespace trecvit::nn {
namespace {

// [T, rows] bool, true where rows begin; every mixer of a stack reads the same.
Tensor beginnings(const Tensor& x, bool continued, const Tensor& seen) {
  const std::int64_t frames = x.size(0), streams = x.size(1), tokens = x.size(2), rows = streams * tokens;
  const Tensor fresh = continued ? seen.unsqueeze(1).expand({streams, tokens}).eq(0).reshape({1, rows}) : Tensor();
  if (continued && frames == 1) return fresh;
  Tensor reset = at::zeros({frames, rows}, x.options().dtype(at::kBool));
  continued ? reset.narrow(0, 0, 1).copy_(fresh) : reset.select(0, 0).fill_(true);
  return reset;
}

}  // namespace

Tensor TemporalBlock::operator()(const Tensor& x, MixerState* state, const Tensor& seen, const Tensor& reset) const {
  const Tensor rows = x.view({x.size(0), x.size(1) * x.size(2), x.size(3)});
  return mixer->forward(rows, norm, state, seen, reset).view(x.sizes());
}

Tensor SpatialBlock::operator()(const Tensor& x, std::int64_t kept) const {
  const Tensor frames = x.view({x.size(0) * x.size(1), x.size(2), x.size(3)});
  const Tensor mixed = attention(frames, norm_attention, kept);
  const auto dtype = x.scalar_type();
  return ops::norm_mlp(mixed, norm_mlp.weights(), dense_0.weights(dtype), dense_1.weights(dtype))
      .view({x.size(0), x.size(1), kept, x.size(3)});
}

Tensor BlockStack::operator()(Tensor x, std::int64_t kept, std::vector<MixerState>* states, const Tensor& seen,
                              Trace* trace) const {
  const Tensor reset = beginnings(x, states != nullptr, seen);
  for (std::size_t i = 0; i < temporal.size(); ++i) {
    x = temporal[i](x, states ? &(*states)[i] : nullptr, seen, reset);
    if (trace) trace->temporal.push_back(x);
    x = spatial[i](x, i + 1 < spatial.size() ? x.size(2) : kept);
    if (trace) trace->spatial.push_back(x);
  }
  return norm(x);
}

BlockStack make_block_stack(ParameterStore& store, const std::string& prefix, const BlockStackConfig& c) {
  BlockStack stack;
  for (std::int64_t i = 0; i < c.depth; ++i) {
    char padded[32];  // official names pad the temporal index and not the spatial one
    std::snprintf(padded, sizeof padded, "/residualblock_%02d", static_cast<int>(i));
    const std::string temporal = prefix + padded;
    stack.temporal.push_back(
        {.norm = make_rms_norm(store, temporal + "/temporal_pre_norm", c.width),
         .mixer = std::make_unique<GatedLru>(store, temporal + "/recurrent_block",
                                             GatedLruConfig{.width = c.width,
                                                            .lru_width = c.lru_width,
                                                            .heads = c.heads,
                                                            .depth = c.depth,
                                                            .min_radius = c.min_radius,
                                                            .max_radius = c.max_radius})});
    const std::string spatial = prefix + "/encoderblock_" + std::to_string(i);
    const double limit = xavier_limit(c.width, c.mlp_width);
    stack.spatial.push_back(
        {.norm_attention = make_layer_norm(store, spatial + "/LayerNorm_0", c.width),
         .norm_mlp = make_layer_norm(store, spatial + "/LayerNorm_1", c.width),
         .attention = make_attention(store, spatial + "/MultiHeadDotProductAttention_0", c.width, c.heads),
         .dense_0 = make_linear(store, spatial + "/MlpBlock_0/Dense_0", c.width, c.mlp_width, uniform(limit), normal(1e-6)),
         .dense_1 = make_linear(store, spatial + "/MlpBlock_0/Dense_1", c.mlp_width, c.width, uniform(limit), normal(1e-6))});
  }
  stack.norm = make_layer_norm(store, prefix + "/encoder_norm", c.width);
  return stack;
}

}  // namespace trecvit::nn
