#include "nn/norm.h"

namespace trecvit::nn {

ops::Norm Norm::weights() const { return {kind, scale->value, bias ? bias->value : Tensor()}; }

Tensor Norm::operator()(const Tensor& x) const { return ops::norm(x, weights()); }

Norm make_rms_norm(ParameterStore& store, const std::string& name, std::int64_t width) {
  return {.kind = ops::NormKind::kRms, .scale = store.add(name + "/scale", {width}, /*decay=*/false, zeros())};
}

Norm make_layer_norm(ParameterStore& store, const std::string& name, std::int64_t width) {
  return {.kind = ops::NormKind::kLayer,
          .scale = store.add(name + "/scale", {width}, /*decay=*/false, [](Rng&) { return 1.0f; }),
          .bias = store.add(name + "/bias", {width}, /*decay=*/false, zeros())};
}

}  // namespace trecvit::nn
