#include "nn/linear.h"

#include <cmath>

namespace trecvit::nn {

Tensor Linear::operator()(const Tensor& x, const Tensor& residual) const {
  return ops::linear(x, weights(x.scalar_type()), residual);
}

Linear make_linear(ParameterStore& store, const std::string& name, std::int64_t in, std::int64_t out, Init kernel,
                   Init bias) {
  return {.kernel = store.add(name + "/kernel", {in, out}, /*decay=*/true, std::move(kernel)),
          .bias = store.add(name + "/bias", {out}, /*decay=*/false, std::move(bias))};
}

double xavier_limit(std::int64_t in, std::int64_t out) { return std::sqrt(6.0 / static_cast<double>(in + out)); }

}  // namespace trecvit::nn
