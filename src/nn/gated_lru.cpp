#include "nn/gated_lru.h"

#include <cmath>

#include "ops/recurrent_unit.h"

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

Tensor GatedLru::forward(const Tensor& u, const Norm& norm, MixerState* state, const Tensor& seen,
                         const Tensor& reset) const {
  const auto dtype = u.scalar_type();
  const auto in = ops::norm_linear(u, norm.weights(), {in_kernel_->weight(dtype), in_bias_->weight(dtype)});
  const auto unit = ops::recurrent_unit({.both = in.out,
                                         .conv_w = conv_w_->value,
                                         .conv_b = conv_b_->value,
                                         .input_gate = input_gate_w_->weight(dtype),
                                         .a_gate = a_gate_w_->weight(dtype),
                                         .input_bias = input_gate_b_->value.view({lru_width_}),
                                         .a_bias = a_gate_b_->value.view({lru_width_}),
                                         .a_param = a_param_->value,
                                         .conv_state = state ? state->tensors[1] : Tensor(),
                                         .h0 = state ? state->tensors[0] : Tensor(),
                                         .reset = reset,
                                         .overwrite = state != nullptr,
                                         .seen = state ? seen : Tensor()});
  return out_(unit.out, /*residual=*/in.skip);
}

MixerState GatedLru::make_state(std::int64_t rows, at::Device device, at::ScalarType dtype) const {
  return {.tensors = {at::zeros({rows, lru_width_}, at::TensorOptions().device(device).dtype(at::kFloat)),
                      at::zeros({rows, 3, lru_width_}, at::TensorOptions().device(device).dtype(dtype))}};
}

}  // namespace trecvit::nn
