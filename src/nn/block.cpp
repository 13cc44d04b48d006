#include "nn/block.h"

namespace trecvit::nn {

Tensor TemporalBlock::operator()(const Tensor& x, MixerState* state, const StreamPositions& positions) const {
  const Tensor rows = x.view({x.size(0), x.size(1) * x.size(2), x.size(3)});
  return mixer->forward(rows, norm, state, positions).view(x.sizes());
}

Tensor SpatialBlock::operator()(const Tensor& x, std::int64_t output_tokens) const {
  const Tensor frames = x.view({x.size(0) * x.size(1), x.size(2), x.size(3)});
  const Tensor mixed = attention(frames, norm_attention, output_tokens);
  const auto dtype = x.scalar_type();
  return ops::norm_mlp(mixed, norm_mlp.weights(), dense_0.weights(dtype), dense_1.weights(dtype))
      .view({x.size(0), x.size(1), output_tokens, x.size(3)});
}

Tensor BlockStack::operator()(Tensor x, std::int64_t output_tokens, const MixerStates* states,
                              const StreamPositions& positions, Trace* trace) const {
  for (std::size_t i = 0; i < temporal.size(); ++i) {
    x = temporal[i](x, states ? (*states)[i].get() : nullptr, positions);
    if (trace) trace->temporal.push_back(x);
    x = spatial[i](x, i + 1 < spatial.size() ? x.size(2) : output_tokens);
    if (trace) trace->spatial.push_back(x);
  }
  return norm(x);
}

MixerStates BlockStack::make_states(std::int64_t slots, std::int64_t tokens, at::Device device,
                                    at::ScalarType dtype) const {
  MixerStates states;
  for (const TemporalBlock& block : temporal) states.push_back(block.mixer->make_state(slots, tokens, device, dtype));
  return states;
}

BlockStack make_block_stack(ParameterStore& store, const std::string& prefix, const BlockStackConfig& c) {
  BlockStack stack;
  for (std::int64_t i = 0; i < c.depth; ++i) {
    const std::string temporal = temporal_block_name(prefix, i);
    // In this order: parameters lie in the order in which they are declared.
    TemporalBlock& block = stack.temporal.emplace_back();
    block.norm = make_rms_norm(store, temporal + "/temporal_pre_norm", c.width);
    block.mixer = make_mixer(mixer_of_layer(c.mixers, i), store, temporal, c.site(), c.mixer);
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
