#include "ops/norm.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

Tensor composed(const Tensor& x, const Norm& norm) {
  if (norm.kind == NormKind::kLayer) return at::layer_norm(x, {x.size(-1)}, norm.scale, norm.bias, 1e-6);
  return x * at::rsqrt(x.square().mean(-1, /*keepdim=*/true) + 1e-6) * (1 + norm.scale);
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

class NormOp : public testing::TestWithParam<std::tuple<NormKind, at::ScalarType, double>> {};

TEST_P(NormOp, MatchesComposedOperationsAndTheirGradients) {
  const auto [kind, dtype, tolerance] = GetParam();
  at::manual_seed(4);
  const Tensor values = at::randn({3, 13, 40}, dtype), weights = at::randn({3, 13, 40}, dtype);
  const Tensor scale = at::randn({40}, dtype), bias = at::randn({40}, dtype);
  std::vector<Tensor> results[2];
  for (int which = 0; which < 2; ++which) {
    const auto leaf = [](const Tensor& t) { return t.detach().clone().requires_grad_(true); };
    const Tensor x = leaf(values);
    const Norm n{kind, leaf(scale), kind == NormKind::kLayer ? leaf(bias) : Tensor()};
    const Tensor y = which == 0 ? norm(x, n) : composed(x, n);
    (y * weights).sum().backward();
    results[which] = {y, x.grad(), n.scale.grad()};
    if (n.bias.defined()) results[which].push_back(n.bias.grad());
  }
  for (std::size_t k = 0; k < results[0].size(); ++k) {
    EXPECT_LT(difference(results[0][k], results[1][k]), tolerance) << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, NormOp,
                         testing::Values(std::tuple{NormKind::kRms, at::kDouble, 1e-12},
                                         std::tuple{NormKind::kRms, at::kFloat, 2e-5},
                                         std::tuple{NormKind::kLayer, at::kDouble, 1e-12},
                                         std::tuple{NormKind::kLayer, at::kFloat, 2e-5}));

TEST(NormOp, RefusesWhatDoesNotFit) {
  const auto rms = [](const Tensor& x, const Tensor& scale) { return norm(x, {NormKind::kRms, scale, {}}); };
  EXPECT_THROW(rms(at::randn({2, 8}), at::zeros({7})), Error);
  EXPECT_THROW(rms(at::randn({2, 8}), at::zeros({8}, at::kDouble)), Error);
  EXPECT_THROW(rms(at::randn({0, 8}), at::zeros({8})), Error);
  EXPECT_THROW(rms(at::randn({2, 8}).to(at::kHalf), at::zeros({8})), Error);
  EXPECT_THROW(norm(at::randn({2, 8}), {NormKind::kLayer, at::zeros({8}), {}}), Error);
}

}  // namespace
}  // namespace trecvit::ops
