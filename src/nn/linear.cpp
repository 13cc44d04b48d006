#include "nn/linear.h"

#include <cmath>

namespace trecvit::nn {

Tensor Linear::operator()(const Tensor& x) const {
  const auto dtype = x.scalar_type();
  const std::int64_t in = kernel->shape.front();
  const Tensor rows = x.reshape({-1, in});
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = kernel->shape.back();
  return at::addmm(bias->in(dtype), rows, kernel->in(dtype)).view(shape);
}

Linear make_linear(ParameterStore& store, const std::string& name, std::int64_t in, std::int64_t out, Init kernel,
                   Init bias) {
  return {.kernel = store.add(name + "/kernel", {in, out}, /*decay=*/true, std::move(kernel)),
          .bias = store.add(name + "/bias", {out}, /*decay=*/false, std::move(bias))};
}

double xavier_limit(std::int64_t in, std::int64_t out) { return std::sqrt(6.0 / static_cast<double>(in + out)); }

Tensor gelu(const Tensor& x) { return at::gelu(x, "tanh"); }

}  // namespace trecvit::nn
