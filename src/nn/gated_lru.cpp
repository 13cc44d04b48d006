#include "nn/gated_lru.h"

#include <cmath>

#include "core/error.h"
#include "ops/block_diagonal.h"
#include "ops/causal_conv1d.h"
#include "ops/rg_lru.h"

namespace trecvit::nn {

GatedLru::GatedLru(ParameterStore& store, const std::string& name, const GatedLruConfig& config)
    : lru_width_(config.lru_width) {
  const std::int64_t c = config.width, r = config.lru_width, h = config.heads, block = r / h;
  const auto variance = [](double v) { return normal(std::sqrt(v)); };
  const double inverse_c = 1.0 / static_cast<double>(c), inverse_r = 1.0 / static_cast<double>(r);
  in_kernel_ = store.add_columns({name + "/linear_x/kernel", name + "/linear_y/kernel"}, c, r, {c, r}, /*decay=*/true,
                                 variance(inverse_c));
  in_bias_ = store.add_columns({name + "/linear_x/bias", name + "/linear_y/bias"}, 1, r, {r}, /*decay=*/false, zeros());
  // The convolution's fan-in is its width, 4.
  conv_w_ = store.add(name + "/conv_1d/w", {4, r}, /*decay=*/true, variance(0.01 / 4));
  conv_b_ = store.add(name + "/conv_1d/b", {r}, /*decay=*/false, zeros());
  const std::string lru = name + "/rg_lru";
  const double inverse_block = 1.0 / static_cast<double>(block);
  input_gate_w_ = store.add(lru + "/input_gate/w", {h, block, block}, /*decay=*/true, variance(inverse_block));
  input_gate_b_ = store.add(lru + "/input_gate/b", {h, block}, /*decay=*/false, zeros());
  a_gate_w_ = store.add(lru + "/a_gate/w", {h, block, block}, /*decay=*/true, variance(inverse_block));
  a_gate_b_ = store.add(lru + "/a_gate/b", {h, block}, /*decay=*/false, zeros());
  a_param_ = store.add(lru + "/a_param", {r}, /*decay=*/false, lru_radius(config.min_radius, config.max_radius));
  out_ = make_linear(store, name + "/linear_out", r, c, variance(2.0 / static_cast<double>(config.depth) * inverse_r),
                     zeros());
}

Tensor GatedLru::forward(const Tensor& u, MixerState* state, const Tensor& reset) const {
  const auto dtype = u.scalar_type();
  const std::int64_t frames = u.size(0), rows = u.size(1), width = u.size(2), r = lru_width_;

  const Tensor both = at::addmm(in_bias_->in(dtype), u.reshape({-1, width}), in_kernel_->in(dtype));
  const auto halves = both.view({frames, rows, 2 * r}).split(r, /*dim=*/-1);

  ensure(!state || !at::GradMode::is_enabled(), "a state is overwritten where it lies, which no gradient survives");
  const Tensor conv = state ? ops::causal_conv1d_step(halves[0], conv_w_->value, conv_b_->value, state->tensors[1])
                            : ops::causal_conv1d(halves[0], conv_w_->value, conv_b_->value, /*state=*/{}).out;
  const Tensor x = conv.view({-1, r});
  const auto shape = conv.sizes();

  const auto lru = ops::rg_lru({.x = conv,
                                .input_logits = ops::block_diagonal(x, input_gate_w_->in(dtype)).view(shape),
                                .a_logits = ops::block_diagonal(x, a_gate_w_->in(dtype)).view(shape),
                                .y = halves[1],
                                .input_bias = input_gate_b_->value.view({r}),
                                .a_bias = a_gate_b_->value.view({r}),
                                .a_param = a_param_->value,
                                .h0 = state ? state->tensors[0] : Tensor(),
                                .reset = reset,
                                .h_last = state ? state->tensors[0] : Tensor()});
  return out_(lru.out);
}

MixerState GatedLru::make_state(std::int64_t rows, at::Device device, at::ScalarType dtype) const {
  return {.tensors = {at::zeros({rows, lru_width_}, at::TensorOptions().device(device).dtype(at::kFloat)),
                      at::zeros({rows, 3, lru_width_}, at::TensorOptions().device(device).dtype(dtype))}};
}

}  // namespace trecvit::nn
