#include "nn/norm.h"

#include "ops/rms_norm.h"

namespace trecvit::nn {
namespace {
constexpr double kEpsilon = 1e-6;
}

Tensor RmsNorm::operator()(const Tensor& x) const { return ops::rms_norm(x, scale->value); }

RmsNorm make_rms_norm(ParameterStore& store, const std::string& name, std::int64_t width) {
  return {.scale = store.add(name + "/scale", {width}, /*decay=*/false, zeros())};
}

Tensor LayerNorm::operator()(const Tensor& x) const {
  const auto dtype = x.scalar_type();
  return at::layer_norm(x, {x.size(-1)}, scale->in(dtype), bias->in(dtype), kEpsilon);
}

LayerNorm make_layer_norm(ParameterStore& store, const std::string& name, std::int64_t width) {
  return {.scale = store.add(name + "/scale", {width}, /*decay=*/false, [](Rng&) { return 1.0f; }),
          .bias = store.add(name + "/bias", {width}, /*decay=*/false, zeros())};
}

}  // namespace trecvit::nn
