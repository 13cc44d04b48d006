#include "nn/gated_lru.h"

#include <cmath>

#include "ops/recurrent_unit.h"

namespace trecvit::nn {
namespace {

enum Field : std::size_t { kHidden, kConvState };  // of the state

}  // namespace

GatedLru::GatedLru(ParameterStore& store, const std::string& name, const MixerSite& site, const GatedLruConfig& config)
    : lru_width_(config.lru_width) {
  const std::int64_t c = site.width, r = config.lru_width, h = site.heads, block = r / h;
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
  out_ = make_linear(store, name + "/linear_out", r, c, variance(2.0 / static_cast<double>(site.depth) * inverse_r),
                     zeros());
}

Tensor GatedLru::forward(const Tensor& x, const Norm& norm, MixerState* state, const StreamPositions& positions) const {
  const auto dtype = x.scalar_type();
  const auto in = ops::norm_linear(x, norm.weights(), {in_kernel_->weight(dtype), in_bias_->weight(dtype)});
  const auto unit = ops::recurrent_unit({.xy_projection = in.out,
                                         .conv_w = conv_w_->value,
                                         .conv_b = conv_b_->value,
                                         .input_gate = input_gate_w_->weight(dtype),
                                         .a_gate = a_gate_w_->weight(dtype),
                                         .input_bias = input_gate_b_->value.view({lru_width_}),
                                         .a_bias = a_gate_b_->value.view({lru_width_}),
                                         .a_param = a_param_->value,
                                         .conv_state = state ? state->tensor(kConvState) : Tensor(),
                                         .h0 = state ? state->tensor(kHidden) : Tensor(),
                                         .overwrite = state != nullptr,
                                         .positions = positions});
  return out_(unit.out, /*residual=*/in.skip);
}

std::unique_ptr<MixerState> GatedLru::make_state(std::int64_t slots, std::int64_t tokens, at::Device device,
                                                 at::ScalarType dtype) const {
  const auto kind = at::TensorOptions().device(device);
  std::vector<StateField> fields(2);
  fields[kHidden] = {.name = "rg_lru", .tensor = at::zeros({slots * tokens, lru_width_}, kind.dtype(at::kFloat))};
  fields[kConvState] = {
      .name = "conv1d", .tensor = at::zeros({slots * tokens, 3, lru_width_}, kind.dtype(dtype)), .ring = true};
  return std::make_unique<MixerState>(std::move(fields), slots);
}

}  // namespace trecvit::nn
