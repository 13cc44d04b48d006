#include "ops/rg_lru.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

RgLruArgs random_args(std::int64_t frames, std::int64_t rows, std::int64_t channels, at::ScalarType dtype) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  const auto wide = dtype == at::kBFloat16 ? at::kFloat : dtype;
  const auto draw = [&](at::IntArrayRef shape, at::ScalarType type) {
    return at::randn(shape, generator, at::TensorOptions().dtype(at::kDouble)).to(type);
  };
  RgLruArgs a;
  for (Tensor* tensor : {&a.x, &a.input_logits, &a.a_logits, &a.y}) *tensor = draw({frames, rows, channels}, dtype);
  for (Tensor* tensor : {&a.input_bias, &a.a_bias, &a.a_param}) *tensor = draw({channels}, wide);
  a.h0 = draw({rows, channels}, wide);
  a.reset = at::rand({frames, rows}, generator, at::TensorOptions().dtype(at::kDouble)).lt(0.2);
  return a;
}

std::vector<Tensor*> differentiable(RgLruArgs& a) {
  return {&a.x, &a.input_logits, &a.a_logits, &a.y, &a.input_bias, &a.a_bias, &a.a_param, &a.h0};
}

// The same function in ATen operations, whose gradients autograd derives.
RgLruResult composed(const RgLruArgs& a) {
  const Tensor i = at::sigmoid(a.input_logits + a.input_bias), r = at::sigmoid(a.a_logits + a.a_bias);
  const Tensor log_a = -8.0 * r * at::softplus(a.a_param);
  Tensor decay = at::exp(log_a), m = at::sqrt(-at::expm1(2.0 * log_a)), h = a.h0;
  if (a.reset.defined()) {
    const Tensor reset = a.reset.unsqueeze(-1);
    decay = at::where(reset, at::zeros_like(decay), decay);
    m = at::where(reset, at::ones_like(m), m);
  }
  std::vector<Tensor> states;
  for (std::int64_t t = 0; t < a.x.size(0); ++t) {
    h = decay[t] * h + m[t] * i[t] * a.x[t];
    states.push_back(h);
  }
  return {at::stack(states) * at::gelu(a.y, "tanh"), h};
}

std::vector<Tensor> gradients(RgLruResult (*function)(const RgLruArgs&), RgLruArgs a) {
  std::vector<Tensor> leaves;
  for (Tensor* tensor : differentiable(a)) {
    *tensor = tensor->detach().clone().requires_grad_(true);
    leaves.push_back(*tensor);
  }
  const RgLruResult result = function(a);
  // In double first: a count beyond 256 is not a bf16, and its sine depends on how each device rounds it.
  const Tensor weights =
      at::arange(result.out.numel(), at::kDouble).sin().view(result.out.sizes()).to(result.out.options());
  ((result.out * weights).sum() + (result.h_last * 0.3).sum()).backward();
  std::vector<Tensor> grads;
  for (const Tensor& leaf : leaves) grads.push_back(leaf.grad());
  return grads;
}

double difference(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST(RgLru, DoubleMatchesComposedOperationsAndTheirGradients) {
  const RgLruArgs a = random_args(6, 3, 4, at::kDouble);
  EXPECT_LT(difference(rg_lru(a).out, composed(a).out), 1e-12);
  EXPECT_LT(difference(rg_lru(a).h_last, composed(a).h_last), 1e-12);
  const auto ours = gradients(rg_lru, a), theirs = gradients(composed, a);
  for (std::size_t k = 0; k < ours.size(); ++k) EXPECT_LT(difference(ours[k], theirs[k]), 1e-11) << "argument " << k;
}

TEST(RgLru, OverwritesItsStateWhereAsked) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
    RgLruArgs a = random_args(3, 5, 24, dtype);
    const RgLruResult wanted = rg_lru(a);
    a.h0 = a.h_last = a.h0.clone();
    const RgLruResult got = rg_lru(a);
    EXPECT_TRUE(at::equal(got.out, wanted.out)) << dtype;
    EXPECT_TRUE(at::equal(a.h0, wanted.h_last)) << dtype;
  }
}

TEST(RgLru, RefusesToOverwriteWhatGradientsNeed) {
  RgLruArgs a = random_args(3, 5, 24, at::kFloat);
  a.x.requires_grad_(true);
  a.h_last = a.h0;
  EXPECT_THROW(rg_lru(a), Error);
}

TEST(RgLru, Fp32MatchesComposedGradients) {
  const RgLruArgs a = random_args(9, 17, 40, at::kFloat);
  const auto ours = gradients(rg_lru, a), theirs = gradients(composed, a);
  for (std::size_t k = 0; k < ours.size(); ++k) EXPECT_LT(difference(ours[k], theirs[k]), 2e-4) << "argument " << k;
}

TEST(RgLru, ThreadsChangeNoBit) {
  const RgLruArgs a = random_args(5, 67, 48, at::kBFloat16);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto alone = gradients(rg_lru, a);
  at::set_num_threads(4);
  const auto together = gradients(rg_lru, a);
  at::set_num_threads(threads);
  for (std::size_t k = 0; k < alone.size(); ++k) EXPECT_TRUE(at::equal(alone[k], together[k])) << "argument " << k;
}

TEST(RgLru, ChunksWithStateGiveTheWholeClipsBits) {
  const RgLruArgs a = random_args(7, 5, 24, at::kFloat);
  const RgLruResult whole = rg_lru(a);
  Tensor h = a.h0;
  std::vector<Tensor> outs;
  for (const auto& [begin, end] : std::vector<std::pair<int, int>>{{0, 1}, {1, 5}, {5, 7}}) {
    RgLruArgs part = a;
    for (Tensor* tensor : {&part.x, &part.input_logits, &part.a_logits, &part.y, &part.reset}) {
      *tensor = tensor->slice(0, begin, end);
    }
    part.h0 = h;
    const RgLruResult result = rg_lru(part);
    outs.push_back(result.out);
    h = result.h_last;
  }
  EXPECT_TRUE(at::equal(at::cat(outs), whole.out));
  EXPECT_TRUE(at::equal(h, whole.h_last));
}

TEST(RgLru, ResetForgetsEvenAnInfiniteState) {
  RgLruArgs a = random_args(3, 2, 8, at::kFloat);
  a.reset.select(0, 0).fill_(true);
  const Tensor expected = rg_lru(a).out;
  a.h0.fill_(INFINITY);
  EXPECT_TRUE(at::equal(rg_lru(a).out, expected));
}

TEST(RgLru, HalfOfAWiderProductServesAsY) {
  RgLruArgs a = random_args(4, 3, 8, at::kFloat);
  const Tensor wide = at::cat({a.x, a.y}, -1);
  const Tensor expected = rg_lru(a).out;
  a.y = wide.slice(-1, 8, 16);
  ASSERT_FALSE(a.y.is_contiguous());
  EXPECT_TRUE(at::equal(rg_lru(a).out, expected));
  EXPECT_LT(difference(gradients(rg_lru, a)[3], gradients(composed, a)[3]), 1e-4);
}

TEST(RgLru, WithoutYOutIsTheState) {
  RgLruArgs a = random_args(4, 3, 8, at::kFloat);
  a.y = a.h0 = a.reset = Tensor();
  const RgLruResult result = rg_lru(a);
  EXPECT_TRUE(at::equal(result.out[3], result.h_last));
  a.x.requires_grad_(true);
  rg_lru(a).out.sum().backward();
  EXPECT_TRUE(a.x.grad().isfinite().all().item<bool>());
}

TEST(RgLru, KeepsNothingWithoutGradMode) {
  RgLruArgs a = random_args(4, 3, 8, at::kFloat);
  a.x.requires_grad_(true);
  const at::NoGradGuard no_grad;
  EXPECT_FALSE(rg_lru(a).out.requires_grad());
}

TEST(RgLru, RefusesWhatDoesNotFit) {
  const auto message = [](const RgLruArgs& a) {
    try {
      rg_lru(a);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  RgLruArgs a = random_args(4, 3, 8, at::kFloat);
  a.y = a.y.to(at::kBFloat16);
  EXPECT_THAT(message(a), testing::HasSubstr("rg_lru: y is"));
  a = random_args(4, 3, 8, at::kFloat);
  a.reset = a.reset.slice(0, 0, 2);
  EXPECT_THAT(message(a), testing::HasSubstr("reset"));
  a = random_args(4, 3, 8, at::kFloat);
  a.a_param = Tensor();
  EXPECT_THAT(message(a), testing::HasSubstr("a_param is undefined"));
  a = random_args(4, 3, 8, at::kFloat);
  a.x = a.x.slice(0, 0, 0);
  EXPECT_THAT(message(a), testing::HasSubstr("T, rows, R >= 1"));
  a = random_args(4, 3, 8, at::kFloat);
  a.x = a.x.to(at::kHalf);
  EXPECT_THAT(message(a), testing::HasSubstr("must be fp32 or bf16"));
}

TEST(GpuRgLruOp, MatchesTheCpu) {
  if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const RgLruArgs host = random_args(9, 17, 40, dtype);
    RgLruArgs device = host;
    for (Tensor* tensor : differentiable(device)) *tensor = tensor->cuda();
    device.reset = device.reset.cuda();
    const double tolerance = dtype == at::kFloat ? 1e-4 : 0.1;
    EXPECT_LT(difference(rg_lru(device).out.cpu(), rg_lru(host).out), tolerance);
    const auto ours = gradients(rg_lru, device), theirs = gradients(rg_lru, host);
    for (std::size_t k = 0; k < ours.size(); ++k) {
      EXPECT_LT(difference(ours[k].cpu(), theirs[k]), tolerance * (1 + theirs[k].abs().max().item<double>())) << k;
    }
  }
}

}  // namespace
}  // namespace trecvit::ops
