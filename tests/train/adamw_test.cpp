#include "train/adamw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/adamw/reference.h"

namespace trecvit {
namespace {

using at::Tensor;

// Three clipped steps from the same start, on `device`; then the values.
Tensor trained(const Tensor& start, const std::vector<Tensor>& gradients, at::Device device) {
  const Tensor values = start.to(device).clone();
  AdamW optimizer(values, /*decayed=*/start.numel() / 2, {.weight_decay = 0.1});
  for (const Tensor& gradient : gradients) {
    const Tensor norm = optimizer.step(gradient.to(device), at::ones({1}).to(device), /*lr=*/1e-2, /*clip=*/2);
    EXPECT_NEAR(norm.item<float>(), gradient.norm().item<float>(), 1e-4f);
  }
  return values.cpu();
}

void expect_follows_the_reference(at::Device device) {
  at::manual_seed(2);
  const std::int64_t count = 1001;
  const Tensor start = at::randn({count});
  const std::vector<Tensor> gradients{at::randn({count}), at::randn({count}) * 1e-3, at::randn({count})};
  Tensor expected = start.to(at::kDouble).clone();
  Tensor mean = at::zeros_like(expected), square = at::zeros_like(expected);
  for (std::int64_t step = 1; step <= 3; ++step) {
    const Tensor gradient = gradients[static_cast<std::size_t>(step - 1)].to(at::kDouble);
    double norm = 0;
    kernels::reference::gradient_norm(gradient.data_ptr<double>(), count, /*loss=*/1.0, &norm);
    kernels::reference::adamw(kernels::AdamWParams<double>{.count = count,
                                                           .decayed = count / 2,
                                                           .step = step,
                                                           .lr = 1e-2,
                                                           .clip = 2,
                                                           .weight_decay = 0.1,
                                                           .gradient = gradient.data_ptr<double>(),
                                                           .norm = &norm,
                                                           .value = expected.data_ptr<double>(),
                                                           .mean = mean.data_ptr<double>(),
                                                           .square = square.data_ptr<double>()});
  }
  EXPECT_LT((trained(start, gradients, device) - expected).abs().max().item<double>(), 1e-6);
}

TEST(AdamW, FollowsTheReference) { expect_follows_the_reference(at::kCPU); }

TEST(AdamW, GpuFollowsTheReference) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  expect_follows_the_reference(at::Device(at::kCUDA, 0));
}

TEST(AdamW, ABrokenGradientChangesNothingFromThenOn) {
  const Tensor values = at::ones({8}), good = at::ones({8}), loss = at::ones({1});
  AdamW optimizer(values, 8, {.weight_decay = 0.1});
  Tensor bad = good.clone();
  bad[3] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(std::isfinite(optimizer.step(bad, loss, 0.1).item<float>()));
  EXPECT_FALSE(std::isfinite(optimizer.step(good, loss, 0.1).item<float>()));
  EXPECT_TRUE(at::equal(values, at::ones({8})));
  EXPECT_TRUE(at::equal(optimizer.mean, at::zeros({8})));
}

// The gradient of a loss that overflowed may well be finite.
TEST(AdamW, ABrokenLossChangesNothingFromThenOn) {
  for (const float broken : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    const Tensor values = at::ones({8}), gradient = at::ones({8});
    AdamW optimizer(values, 8, {.weight_decay = 0.1});
    EXPECT_TRUE(std::isnan(optimizer.step(gradient, at::tensor(broken), 0.1).item<float>()));
    EXPECT_TRUE(std::isnan(optimizer.step(gradient, at::tensor(1.0f), 0.1).item<float>()));
    EXPECT_TRUE(at::equal(values, at::ones({8})));
    EXPECT_TRUE(at::equal(optimizer.mean, at::zeros({8})));
  }
}

}  // namespace
}  // namespace trecvit
