// The fused linear maps against the same formulas in LibTorch's operations: values and every gradient, in double and
// single precision on the CPU, and in fp32 and bf16 on the GPU against double.
#include "ops/linear.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "older_gpu.h"
#include "ops/matmul.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

struct Case {
  at::Device device;
  at::ScalarType dtype;
  double tolerance;  // of the L2 norm of a difference over that of the expected
};
const Case kOnCpu[] = {{at::kCPU, at::kDouble, 1e-12}, {at::kCPU, at::kFloat, 1e-5}, {at::kCPU, at::kBFloat16, 2e-2}};
const Case kOnGpu[] = {{at::kCUDA, at::kFloat, 1e-5}, {at::kCUDA, at::kBFloat16, 2e-2}};

// Random numbers that bf16 holds exactly, in double, so that every case calculates with the same.
Tensor numbers(at::IntArrayRef shape, double scale = 1) {
  return (at::randn(shape) * scale).to(at::kBFloat16).to(at::kDouble);
}

struct Inputs {
  Tensor x, residual, scale, shift, up, up_bias, down, down_bias;
};
Inputs draw(std::int64_t rows, std::int64_t width, std::int64_t hidden) {
  at::manual_seed(6);
  return {numbers({2, rows, width}),      numbers({2, rows, hidden}), numbers({width}) + 1,           numbers({width}),
          numbers({width, hidden}, 0.25), numbers({hidden}),          numbers({hidden, width}, 0.25), numbers({width})};
}

// Runs `f(inputs)` on leaves of the case's types (parameters wide, as in training) and returns results and gradients.
template <class F>
std::vector<Tensor> run(const Inputs& drawn, const Case& c, const F& f) {
  const auto wide = c.dtype == at::kDouble ? at::kDouble : at::kFloat;
  Inputs leaves;
  Tensor Inputs::*const activations[] = {&Inputs::x, &Inputs::residual};
  Tensor Inputs::*const parameters[] = {&Inputs::scale,   &Inputs::shift, &Inputs::up,
                                        &Inputs::up_bias, &Inputs::down,  &Inputs::down_bias};
  for (auto field : activations) leaves.*field = (drawn.*field).to(c.device, c.dtype).clone().requires_grad_(true);
  for (auto field : parameters) leaves.*field = (drawn.*field).to(c.device, wide).clone().requires_grad_(true);
  std::vector<Tensor> results = f(leaves);
  Tensor loss;
  at::manual_seed(8);
  for (const Tensor& result : results) {
    const Tensor part = (result.to(wide) * numbers(result.sizes()).to(c.device, wide)).sum();
    loss = loss.defined() ? loss + part : part;
  }
  loss.backward();
  for (auto field : activations) results.push_back((leaves.*field).grad());
  for (auto field : parameters) results.push_back((leaves.*field).grad());
  return results;
}

template <class F, class G>
void expect_same(const Case& c, const F& fused, const G& composed) {
  for (const auto& [rows, width, hidden] : {std::tuple{1, 8, 16}, std::tuple{19, 24, 40}, std::tuple{197, 64, 256}}) {
    SCOPED_TRACE(testing::Message() << rows << " rows, " << width << " to " << hidden << " " << c.dtype);
    const Inputs drawn = draw(rows, width, hidden);
    const std::vector<Tensor> ours = run(drawn, c, fused), again = run(drawn, c, fused);
    const std::vector<Tensor> expected = run(drawn, {at::kCPU, at::kDouble, 0}, composed);
    for (std::size_t k = 0; k < ours.size(); ++k) {
      ASSERT_EQ(ours[k].defined(), expected[k].defined()) << k;
      if (!ours[k].defined()) continue;
      EXPECT_TRUE(at::equal(ours[k], again[k])) << k;
      const Tensor difference = ours[k].detach().to(at::kCPU, at::kDouble) - expected[k];
      EXPECT_LE(difference.norm().item<double>(), c.tolerance * expected[k].norm().item<double>()) << k;
    }
  }
}

Weight weight(const Tensor& leaf, const Tensor& beside) { return {leaf, leaf.detach().to(beside.scalar_type())}; }
LinearWeights up(const Inputs& i) { return {weight(i.up, i.x), weight(i.up_bias, i.x)}; }
LinearWeights down(const Inputs& i) { return {weight(i.down, i.x), weight(i.down_bias, i.x)}; }
Norm layer(const Inputs& i) { return {NormKind::kLayer, i.scale, i.shift}; }
Norm rms(const Inputs& i) { return {NormKind::kRms, i.scale, {}}; }

Tensor layer_norm(const Inputs& i) { return at::layer_norm(i.x, {i.x.size(-1)}, i.scale, i.shift, 1e-6); }
Tensor rms_norm(const Inputs& i) {
  return i.x * at::rsqrt(i.x.square().mean(-1, /*keepdim=*/true) + 1e-6) * (1 + i.scale);
}

void expect_all_same(const Case& c) {
  using Results = std::vector<Tensor>;
  expect_same(
      c, [](const Inputs& i) { return Results{linear(i.x, up(i))}; },
      [](const Inputs& i) { return Results{at::matmul(i.x, i.up) + i.up_bias}; });
  expect_same(
      c, [](const Inputs& i) { return Results{linear(i.x, up(i), i.residual)}; },
      [](const Inputs& i) { return Results{at::matmul(i.x, i.up) + i.up_bias + i.residual}; });
  expect_same(
      c,
      [](const Inputs& i) {
        const auto [skip, out] = norm_linear(i.x, layer(i), up(i));
        return Results{skip, out};
      },
      [](const Inputs& i) {
        return Results{i.x, at::matmul(layer_norm(i), i.up) + i.up_bias};
      });
  expect_same(
      c, [](const Inputs& i) { return Results{norm_linear(i.x, rms(i), up(i)).out}; },
      [](const Inputs& i) { return Results{at::matmul(rms_norm(i), i.up) + i.up_bias}; });
  expect_same(
      c, [](const Inputs& i) { return Results{norm_mlp(i.x, layer(i), up(i), down(i))}; },
      [](const Inputs& i) {
        const Tensor hidden = at::gelu(at::matmul(layer_norm(i), i.up) + i.up_bias, "tanh");
        return Results{i.x + at::matmul(hidden, i.down) + i.down_bias};
      });
}

TEST(LinearOps, MatchComposedOperationsAndTheirGradients) {
  for (const Case& c : kOnCpu) expect_all_same(c);
}

TEST(LinearOps, GpuMatchesComposedOperationsAndTheirGradients) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  for (const Case& c : kOnGpu) expect_all_same(c);
}

TEST(LinearOps, GpuLeavesTheFirstRowOfEveryFrameAlone) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  at::manual_seed(4);
  const Tensor kernel = numbers({24, 16}), bias = numbers({16}), addend = numbers({9, 16});
  for (const std::int64_t frames : {1, 3}) {
    const Tensor x = numbers({frames, 9, 24}), expected = at::matmul(x, kernel) + bias + addend;
    for (const Case& c : kOnGpu) {
      const auto there = [&](const Tensor& t) { return t.to(c.device, c.dtype); };
      const Tensor y = there(at::full({frames, 10, 16}, 7.0));
      const bool served = !older_than_ampere() || c.dtype == at::kFloat;
      ASSERT_EQ(linear_into_patch_rows_gpu(there(x), there(kernel), there(bias), there(addend), y), served);
      if (!served) continue;
      const Tensor ours = y.to(at::kCPU, at::kDouble);
      EXPECT_TRUE(ours.select(1, 0).eq(7).all().item().toBool());
      EXPECT_LE((ours.narrow(1, 1, 9) - expected).norm().item().toDouble(),
                c.tolerance * expected.norm().item().toDouble());
    }
  }
}

TEST(LinearOps, GiveTheSameWithoutAGraph) {
  const Inputs i = draw(5, 8, 16);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(linear(i.x, up(i), i.residual), at::matmul(i.x, i.up) + i.up_bias + i.residual));
  const auto [skip, out] = norm_linear(i.x, layer(i), up(i));
  EXPECT_TRUE(at::equal(skip, i.x));
  EXPECT_TRUE(at::allclose(out, at::matmul(layer_norm(i), i.up) + i.up_bias));
  const Tensor hidden = at::gelu(out, "tanh");
  EXPECT_TRUE(at::allclose(norm_mlp(i.x, layer(i), up(i), down(i)), i.x + at::matmul(hidden, i.down) + i.down_bias));
}

TEST(LinearOps, RefuseWhatDoesNotFit) {
  const Inputs i = draw(5, 8, 16);
  EXPECT_THROW(linear(i.x, down(i)), Error);
  EXPECT_THROW(linear(i.x, up(i), i.x), Error);
  EXPECT_THROW(norm_mlp(i.x, layer(i), up(i), up(i)), Error);
  EXPECT_THROW(linear(i.x.to(at::kFloat), up(i)), Error);
}

}  // namespace
}  // namespace trecvit::ops
