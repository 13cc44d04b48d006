#include "ops/forgetting_attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "older_gpu.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

Tensor draw(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions().dtype(at::kDouble));
}

ForgettingAttentionArgs random_args(std::int64_t queries, std::int64_t keys, std::int64_t rows = 2,
                                    std::int64_t heads = 3, std::int64_t width = 16) {
  return {.q = draw({queries, rows, heads, width}, 1),
          .k = draw({keys, rows, heads, width}, 2),
          .v = draw({keys, rows, heads, width}, 3),
          .log_f = at::log_sigmoid(draw({keys, rows, heads}, 4))};
}

// The formula, with explicit weights.
Tensor by_hand(const ForgettingAttentionArgs& a) {
  const auto parts = [](const Tensor& x) { return x.permute({1, 2, 0, 3}); };
  const std::int64_t keys = a.k.size(0), queries = a.q.size(0);
  const Tensor c = a.log_f.cumsum(0).permute({1, 2, 0});
  const Tensor decays = c.narrow(2, keys - queries, queries).unsqueeze(3) - c.unsqueeze(2);
  const double scale = 1.0 / std::sqrt(static_cast<double>(a.q.size(3)));
  const Tensor later = at::ones({queries, keys}, a.q.options().dtype(at::kBool)).triu(keys - queries + 1);
  const Tensor logits = at::matmul(parts(a.q), parts(a.k).transpose(2, 3)) * scale + decays;
  return at::matmul(at::softmax(logits.masked_fill(later, -INFINITY), -1), parts(a.v)).permute({2, 0, 1, 3});
}

struct Outcome {
  Tensor out, dq, dk, dv, dlog_f;
};

// Gradients of sum(out * weights), and of tensors of `type` on `device`.
template <class F>
Outcome run(const F& function, const ForgettingAttentionArgs& args, at::ScalarType type = at::kDouble,
            at::Device device = at::kCPU) {
  const auto leaf = [&](const Tensor& x, at::ScalarType to) {
    return x.detach().to(device, to, /*non_blocking=*/false, /*copy=*/true).requires_grad_(true);
  };
  const auto wide = type == at::kDouble ? at::kDouble : at::kFloat;
  const ForgettingAttentionArgs a{leaf(args.q, type), leaf(args.k, type), leaf(args.v, type), leaf(args.log_f, wide),
                                  args.threshold};
  const Tensor out = function(a);
  (out * draw(args.q.sizes(), 9).to(device, type)).sum().backward();
  return {out.detach(), a.q.grad(), a.k.grad(), a.v.grad(), a.log_f.grad()};
}

double distance(const Tensor& a, const Tensor& b) {
  const Tensor x = a.cpu().to(at::kDouble), y = b.cpu().to(at::kDouble);
  return ((x - y).norm() / y.norm()).item<double>();
}

void expect_near(const Outcome& actual, const Outcome& expected, double tolerance) {
  EXPECT_LT(distance(actual.out, expected.out), tolerance);
  EXPECT_LT(distance(actual.dq, expected.dq), tolerance);
  EXPECT_LT(distance(actual.dk, expected.dk), tolerance);
  EXPECT_LT(distance(actual.dv, expected.dv), tolerance);
  EXPECT_LT(distance(actual.dlog_f, expected.dlog_f), tolerance);
}

TEST(ForgettingAttentionOp, MatchesTheFormula) {
  for (const auto& [queries, keys] : {std::pair{1, 3}, {7, 7}, {65, 65}, {70, 130}}) {
    const auto args = random_args(queries, keys);
    const Outcome expected = run(by_hand, args);
    expect_near(run(forgetting_attention, args), expected, 1e-12);
    expect_near(run(forgetting_attention, args, at::kFloat), expected, 1e-5);
    const at::NoGradGuard guard;
    EXPECT_LT(distance(forgetting_attention(args), expected.out), 1e-12);
  }
}

TEST(ForgettingAttentionOp, PrunesTheSameFromFp32AndFp64) {
  auto args = random_args(300, 300);
  args.threshold = -25;
  const Outcome exact = run(forgetting_attention, args), single = run(forgetting_attention, args, at::kFloat);
  expect_near(single, exact, 1e-5);
  EXPECT_GT(distance(run(by_hand, args).out, exact.out), 0);
}

TEST(ForgettingAttentionOp, DoesNotDependOnTheNumberOfThreads) {
  const auto args = random_args(150, 150);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Outcome one = run(forgetting_attention, args, at::kFloat);
  at::set_num_threads(3);
  const Outcome three = run(forgetting_attention, args, at::kFloat);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one.out, three.out) && at::equal(one.dq, three.dq) && at::equal(one.dk, three.dk) &&
              at::equal(one.dlog_f, three.dlog_f));
}

// Rows of a wider product, in which q, k and v lie side by side.
TEST(ForgettingAttentionOp, TakesPartsOfAWiderProduct) {
  const auto args = random_args(20, 20);
  const Tensor wide = at::stack({args.q, args.k, args.v}, 2);
  ForgettingAttentionArgs parts{wide.select(2, 0), wide.select(2, 1), wide.select(2, 2), args.log_f};
  EXPECT_EQ(distance(forgetting_attention(parts), forgetting_attention(args)), 0);
  parts.q = args.q.permute({1, 0, 2, 3}).contiguous().permute({1, 0, 2, 3});
  EXPECT_EQ(distance(forgetting_attention(parts), forgetting_attention(args)), 0);
}

TEST(ForgettingAttentionOp, RefusesWhatDoesNotFit) {
  const auto broken = [](const auto& change) {
    auto args = random_args(5, 5);
    change(args);
    EXPECT_THROW(forgetting_attention(args), Error);
  };
  broken([](auto& a) { a.q = Tensor(); });
  broken([](auto& a) { a.q = a.q.flatten(2); });
  broken([](auto& a) { a.k = a.k.narrow(0, 0, 4); });
  broken([](auto& a) { a.v = a.v.narrow(1, 0, 1); });
  broken([](auto& a) { a.v = a.v.to(at::kFloat); });
  broken([](auto& a) { a.log_f = a.log_f.narrow(2, 0, 1); });
  for (const double threshold : {static_cast<double>(NAN), 0.0, 1.0}) {
    broken([=](auto& a) { a.threshold = threshold; });
  }
  EXPECT_THROW(forgetting_threshold(NAN, 5), Error);
  EXPECT_THROW(forgetting_state(1, 1, /*window=*/0, 16, at::kFloat), Error);
}

ForgettingStepArgs frame_of(const ForgettingAttentionArgs& a, std::int64_t t, at::ScalarType type, at::Device device,
                            double bound) {
  const auto at_t = [&](const Tensor& x, at::ScalarType to) { return x[t].to(device, to); };
  return {at_t(a.q, type), at_t(a.k, type), at_t(a.v, type), at_t(a.log_f, at::kFloat), bound};
}

double logit_bound(const ForgettingAttentionArgs& a) {
  const auto longest = [](const Tensor& x) { return x.norm(2, -1).max().template item<double>(); };
  return longest(a.q) * longest(a.k) / std::sqrt(static_cast<double>(a.q.size(3)));
}

void expect_stream_is_the_clip(at::ScalarType type, at::Device device, double tolerance) {
  constexpr std::int64_t kFrames = 120;
  auto args = random_args(kFrames, kFrames);
  args.q = args.q * 0.5;
  const Tensor expected = forgetting_attention(args);
  const auto state = forgetting_state(2, 3, /*window=*/96, 16, at::TensorOptions().dtype(type).device(device));
  for (std::int64_t t = 0; t < kFrames; ++t) {
    const Tensor out = forgetting_attention_step(frame_of(args, t, type, device, logit_bound(args)), state);
    ASSERT_LT(distance(out, expected[t]), tolerance) << t;
  }
  EXPECT_LE(state.worst.max().item<double>(), std::exp(-10.0));
  EXPECT_LT((state.next - state.first).max().item<std::int64_t>(), 96);
  EXPECT_GT(state.worst.min().item<double>(), 0);
}

TEST(ForgettingAttentionOp, AStreamIsTheClip) { expect_stream_is_the_clip(at::kFloat, at::kCPU, 1e-4); }

TEST(ForgettingAttentionOp, AStreamRefusesWhatDoesNotFit) {
  const auto args = random_args(1, 1);
  const auto state = forgetting_state(2, 3, 8, 16, at::kFloat);
  auto frame = frame_of(args, 0, at::kFloat, at::kCPU, 3);
  EXPECT_NO_THROW(forgetting_attention_step(frame, state));
  frame.bound = NAN;
  EXPECT_THROW(forgetting_attention_step(frame, state), Error);
  frame.bound = 3;
  EXPECT_THROW(forgetting_attention_step(frame, forgetting_state(2, 3, 8, 16, at::kBFloat16)), Error);
  EXPECT_THROW(forgetting_attention_step(frame, forgetting_state(1, 3, 8, 16, at::kFloat)), Error);
  EXPECT_THROW(forgetting_attention_step(frame, {}), Error);
}

TEST(GpuForgettingAttentionOp, MatchesTheCpu) {
  if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  for (const auto& [queries, keys, width] : {std::tuple{20, 20, 64}, {200, 200, 64}, {70, 150, 32}, {130, 130, 128}}) {
    auto args = random_args(queries, keys, 2, 3, width);
    args.threshold = -30;
    const Outcome expected = run(forgetting_attention, args);
    expect_near(run(forgetting_attention, args, at::kFloat, at::kCUDA), expected, 1e-4);
    if (older_than_ampere()) continue;
    const auto rounded = [](const Tensor& x) { return x.to(at::kBFloat16).to(at::kDouble); };
    args.q = rounded(args.q), args.k = rounded(args.k), args.v = rounded(args.v);
    expect_near(run(forgetting_attention, args, at::kBFloat16, at::kCUDA), run(forgetting_attention, args), 1e-2);
  }
}

TEST(GpuForgettingAttentionOp, TakesAnyStrides) {
  if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const auto args = random_args(70, 70);
  const auto moved = [](const Tensor& x) { return x.to(at::kCUDA, at::kFloat); };
  ForgettingAttentionArgs a{moved(args.q), moved(args.k), moved(args.v), moved(args.log_f)};
  const Tensor expected = forgetting_attention(a);
  const Tensor odd = at::empty({a.q.numel() + 1}, a.q.options());
  odd.slice(0, 1).copy_(a.q.view({-1}));
  a.q = odd.slice(0, 1).view_as(a.q);
  a.k = a.k.permute({3, 1, 2, 0}).contiguous().permute({3, 1, 2, 0});
  EXPECT_TRUE(at::equal(forgetting_attention(a), expected));
}

TEST(GpuForgettingAttentionOp, AStreamIsTheClip) {
  if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  expect_stream_is_the_clip(at::kFloat, at::kCUDA, 1e-4);
  expect_stream_is_the_clip(at::kBFloat16, at::kCUDA, 3e-2);
}

TEST(GpuForgettingAttentionOp, RefusesOtherWidths) {
  if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const auto args = random_args(5, 5, 1, 1, 48);
  const auto moved = [](const Tensor& x) { return x.to(at::kCUDA, at::kFloat); };
  EXPECT_THROW(forgetting_attention({moved(args.q), moved(args.k), moved(args.v), moved(args.log_f)}), Error);
}

}  // namespace
}  // namespace trecvit::ops
