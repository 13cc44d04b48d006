#include "ops/causal_conv1d.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

struct Args {
  Tensor x, w, b, state;
};

Args random_args(std::int64_t frames, std::int64_t rows, std::int64_t channels, at::ScalarType dtype) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(6);
  const auto wide = dtype == at::kBFloat16 ? at::kFloat : dtype;
  const auto draw = [&](at::IntArrayRef shape, at::ScalarType type) {
    return at::randn(shape, generator, at::TensorOptions().dtype(at::kDouble)).to(type);
  };
  return {draw({frames, rows, channels}, dtype), draw({4, channels}, wide), draw({channels}, wide),
          draw({rows, 3, channels}, dtype)};
}

CausalConv1dResult ours(const Args& a) { return causal_conv1d(a.x, a.w, a.b, a.state); }

// The same function by slices of one long sequence.
CausalConv1dResult composed(const Args& a) {
  const Tensor sequence = at::cat({a.state.transpose(0, 1), a.x});
  const std::int64_t frames = a.x.size(0);
  Tensor out = a.b + a.w[0] * sequence.slice(0, 0, frames);
  for (std::int64_t k = 1; k < 4; ++k) out = out + a.w[k] * sequence.slice(0, k, k + frames);
  return {out, sequence.slice(0, frames).transpose(0, 1)};
}

std::vector<Tensor> gradients(CausalConv1dResult (*function)(const Args&), const Args& a) {
  std::vector<Tensor> leaves;
  for (const Tensor& tensor : {a.x, a.w, a.b, a.state}) leaves.push_back(tensor.detach().clone().requires_grad_(true));
  const CausalConv1dResult result = function({leaves[0], leaves[1], leaves[2], leaves[3]});
  const auto weights = [](const Tensor& t) {
    return at::arange(t.numel(), at::kDouble).sin().view(t.sizes()).to(t.options());
  };
  ((result.out * weights(result.out)).sum() + (result.state * weights(result.state)).sum()).backward();
  std::vector<Tensor> grads;
  for (const Tensor& leaf : leaves) grads.push_back(leaf.grad());
  return grads;
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

class CausalConv1d : public testing::TestWithParam<std::tuple<std::int64_t, at::ScalarType>> {};

TEST_P(CausalConv1d, MatchesSlicesAndTheirGradients) {
  const auto [frames, dtype] = GetParam();
  const double tolerance = dtype == at::kDouble ? 1e-12 : 1e-4;
  const Args a = random_args(frames, 11, 6, dtype);
  EXPECT_LT(difference(ours(a).out, composed(a).out), tolerance);
  EXPECT_TRUE(at::equal(ours(a).state, composed(a).state));
  const auto mine = gradients(ours, a), theirs = gradients(composed, a);
  for (std::size_t k = 0; k < mine.size(); ++k)
    EXPECT_LT(difference(mine[k], theirs[k]), tolerance) << "argument " << k;
}

INSTANTIATE_TEST_SUITE_P(Frames, CausalConv1d,
                         testing::Combine(testing::Values(1, 2, 3, 9), testing::Values(at::kDouble, at::kFloat)));

TEST(CausalConv1dOp, ChunksWithStateGiveTheWholeClipsBits) {
  const Args a = random_args(7, 5, 24, at::kBFloat16);
  const auto whole = ours(a);
  Tensor state = a.state;
  std::vector<Tensor> outs;
  for (const auto& [begin, end] : std::vector<std::pair<int, int>>{{0, 1}, {1, 3}, {3, 7}}) {
    const auto part = causal_conv1d(a.x.slice(0, begin, end), a.w, a.b, state);
    outs.push_back(part.out);
    state = part.state;
  }
  EXPECT_TRUE(at::equal(at::cat(outs), whole.out));
  EXPECT_TRUE(at::equal(state, whole.state));
}

TEST(CausalConv1dOp, StepOverwritesItsState) {
  for (const std::int64_t frames : {1, 2, 5})
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
      const Args a = random_args(frames, 11, 40, dtype);
      const CausalConv1dResult wanted = ours(a);
      const Tensor state = a.state.clone();
      EXPECT_TRUE(at::equal(causal_conv1d_step(a.x, a.w, a.b, state), wanted.out)) << frames << " " << dtype;
      EXPECT_TRUE(at::equal(state, wanted.state)) << frames << " " << dtype;
    }
  const Args a = random_args(1, 11, 40, at::kFloat);
  EXPECT_THROW(causal_conv1d_step(a.x, a.w, a.b, a.state.transpose(0, 1).contiguous().transpose(0, 1)), Error);
}

TEST(CausalConv1dOp, HalfOfAWiderProductServesAsX) {
  const Args a = random_args(4, 3, 8, at::kFloat);
  Args half = a;
  half.x = at::cat({a.x, a.x + 1}, -1).slice(-1, 0, 8);
  ASSERT_FALSE(half.x.is_contiguous());
  EXPECT_TRUE(at::equal(ours(half).out, ours(a).out));
  EXPECT_TRUE(ours(half).out.is_contiguous());
}

TEST(CausalConv1dOp, NoStateIsZeros) {
  const Args a = random_args(2, 3, 8, at::kFloat);
  const auto none = causal_conv1d(a.x, a.w, a.b, Tensor()), zeros = causal_conv1d(a.x, a.w, a.b, at::zeros({3, 3, 8}));
  EXPECT_TRUE(at::equal(none.out, zeros.out));
  EXPECT_TRUE(at::equal(none.state, zeros.state));
  const Tensor x = a.x.detach().clone().requires_grad_(true);
  causal_conv1d(x, a.w, a.b, Tensor()).out.sum().backward();
  EXPECT_LT(difference(x.grad()[1], a.w[3].expand({3, 8})), 1e-6);
}

TEST(CausalConv1dOp, RefusesWhatDoesNotFit) {
  const Args a = random_args(2, 3, 8, at::kFloat);
  EXPECT_THROW(causal_conv1d(a.x, a.w.slice(0, 0, 3), a.b, a.state), Error);
  EXPECT_THROW(causal_conv1d(a.x, a.w, a.b.to(at::kDouble), a.state), Error);
  EXPECT_THROW(causal_conv1d(a.x, a.w, a.b, a.state.to(at::kBFloat16)), Error);
  EXPECT_THROW(causal_conv1d(a.x[0], a.w, a.b, a.state), Error);
}

TEST(GpuCausalConv1dOp, MatchesTheCpu) {
  if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const Args host = random_args(9, 17, 40, at::kFloat);
  const Args device{host.x.cuda(), host.w.cuda(), host.b.cuda(), host.state.cuda()};
  EXPECT_LT(difference(ours(device).out.cpu(), ours(host).out), 1e-5);
  EXPECT_TRUE(at::equal(ours(device).state.cpu(), ours(host).state));
  const auto mine = gradients(ours, device), theirs = gradients(ours, host);
  for (std::size_t k = 0; k < mine.size(); ++k) EXPECT_LT(difference(mine[k].cpu(), theirs[k]), 1e-4) << k;
}

}  // namespace
}  // namespace trecvit::ops
