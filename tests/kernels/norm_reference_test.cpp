// The reference's gradients against central differences in double.
#include <gtest/gtest.h>

#include "norm_problem.h"

namespace trecvit::kernels {
namespace {

class NormReference : public testing::TestWithParam<NormKind> {};

TEST_P(NormReference, GradientsAreThoseOfDifferences) {
  constexpr NormShape kShape{3, 5};
  constexpr std::int64_t kAll = 15;
  Rng rng(2);
  std::vector<double> values[3];  // x, scale, bias
  for (std::int64_t n = 0; n < kAll; ++n) values[0].push_back(rng.normal());
  for (std::int64_t n = 0; n < 5; ++n) values[1].push_back(rng.normal()), values[2].push_back(rng.normal());
  std::vector<double> dy, dskip;
  for (std::int64_t n = 0; n < kAll; ++n) dy.push_back(rng.normal()), dskip.push_back(rng.normal());

  const auto inputs = [&] {
    return norm_inputs(GetParam(), kShape, values[0].data(), values[1].data(), values[2].data());
  };
  // The function whose gradients are taken: sum of dy y + dskip x.
  const auto loss = [&] {
    NormResults<double, double> run(kShape, 0.0, 0.0);
    reference::norm_forward(run.forward(inputs()));
    double sum = 0;
    for (std::int64_t n = 0; n < kAll; ++n) sum += dy[n] * run.y[n] + dskip[n] * values[0][n];
    return sum;
  };
  NormResults<double, double> run(kShape, 0.0, 0.0);
  reference::norm_forward(run.forward(inputs()));
  reference::norm_backward(run.backward(inputs(), dy.data(), dskip.data(), /*more=*/true));
  EXPECT_EQ(run.y, run.y_again);
  const std::vector<double>* gradients[] = {&run.dx, &run.dscale, &run.dbias};
  for (int which = 0; which < (GetParam() == NormKind::kRms ? 2 : 3); ++which) {
    for (std::size_t n = 0; n < values[which].size(); ++n) {
      constexpr double kStep = 1e-5;
      const double kept = values[which][n];
      values[which][n] = kept + kStep;
      const double above = loss();
      values[which][n] = kept - kStep;
      const double below = loss();
      values[which][n] = kept;
      EXPECT_NEAR((*gradients[which])[n], (above - below) / (2 * kStep), 1e-7) << which << " " << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, NormReference, testing::Values(NormKind::kRms, NormKind::kLayer));

}  // namespace
}  // namespace trecvit::kernels
