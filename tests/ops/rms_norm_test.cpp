#include "ops/rms_norm.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

Tensor composed(const Tensor& x, const Tensor& scale) {
  return x * at::rsqrt(x.square().mean(-1, /*keepdim=*/true) + 1e-6) * (1 + scale);
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

class RmsNorm : public testing::TestWithParam<std::tuple<at::ScalarType, double>> {};

TEST_P(RmsNorm, MatchesComposedOperationsAndTheirGradients) {
  const auto [dtype, tolerance] = GetParam();
  at::manual_seed(4);
  const Tensor values = at::randn({3, 13, 40}, dtype), weights = at::randn({3, 13, 40}, dtype);
  const Tensor scale = at::randn({40}, dtype);
  std::vector<Tensor> results[2];
  for (int which = 0; which < 2; ++which) {
    const Tensor x = values.detach().clone().requires_grad_(true), s = scale.detach().clone().requires_grad_(true);
    const Tensor y = which == 0 ? rms_norm(x, s) : composed(x, s);
    (y * weights).sum().backward();
    results[which] = {y, x.grad(), s.grad()};
  }
  for (int k = 0; k < 3; ++k) EXPECT_LT(difference(results[0][k], results[1][k]), tolerance) << k;
}

INSTANTIATE_TEST_SUITE_P(Dtypes, RmsNorm,
                         testing::Values(std::tuple{at::kDouble, 1e-12}, std::tuple{at::kFloat, 2e-5}));

TEST(RmsNormOp, RefusesWhatDoesNotFit) {
  EXPECT_THROW(rms_norm(at::randn({2, 8}), at::zeros({7})), Error);
  EXPECT_THROW(rms_norm(at::randn({2, 8}), at::zeros({8}, at::kDouble)), Error);
  EXPECT_THROW(rms_norm(at::randn({0, 8}), at::zeros({8})), Error);
  EXPECT_THROW(rms_norm(at::randn({2, 8}).to(at::kHalf), at::zeros({8})), Error);
}

}  // namespace
}  // namespace trecvit::ops
