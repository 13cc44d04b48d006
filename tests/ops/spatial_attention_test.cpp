#include "ops/spatial_attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "older_gpu.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

// The formula, with explicit weights.
Tensor by_hand(const Tensor& qkv) {
  const Tensor parts = qkv.permute({2, 0, 3, 1, 4});
  const double scale = 1.0 / std::sqrt(static_cast<double>(qkv.size(4)));
  const Tensor weights = at::softmax(at::matmul(parts[0], parts[1].transpose(2, 3)) * scale, -1);
  return at::matmul(weights, parts[2]).permute({0, 2, 1, 3}).reshape({qkv.size(0), qkv.size(1), -1});
}

Tensor draw(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions().dtype(at::kDouble));
}

struct Outcome {
  Tensor out, gradient;
};

Outcome run(Tensor (*function)(const Tensor&), const Tensor& values, const Tensor& weights) {
  const Tensor qkv = values.detach().clone().requires_grad_(true);
  const Tensor out = function(qkv);
  (out * weights).sum().backward();
  return {out.detach(), qkv.grad()};
}

// Largest difference, relative to the largest element where that is above 1.
double difference(const Tensor& a, const Tensor& b) {
  const Tensor x = a.cpu().to(at::kDouble), y = b.cpu().to(at::kDouble);
  return (x - y).abs().max().item<double>() / std::max(1.0, y.abs().max().item<double>());
}

TEST(SpatialAttentionOp, MatchesTheFormulaOnTheCpu) {
  const Tensor qkv = draw({2, 7, 3, 2, 5}, 1), weights = draw({2, 7, 10}, 2);
  const Outcome ours = run(spatial_attention, qkv, weights), expected = run(by_hand, qkv, weights);
  EXPECT_EQ(ours.out.sizes(), expected.out.sizes());
  EXPECT_LT(difference(ours.out, expected.out), 1e-12);
  EXPECT_LT(difference(ours.gradient, expected.gradient), 1e-12);
}

TEST(SpatialAttentionOp, RefusesOtherShapes) {
  EXPECT_THROW(spatial_attention(Tensor()), Error);
  EXPECT_THROW(spatial_attention(at::randn({2, 7, 3, 10})), Error);
  EXPECT_THROW(spatial_attention(at::randn({2, 7, 2, 2, 5})), Error);
}

TEST(SpatialAttentionOp, KnowsWhichCudnnIsWrong) {
  EXPECT_FALSE(cudnn_attention_is_right(91500, 197));
  EXPECT_FALSE(cudnn_attention_is_right(8907, 300));
  EXPECT_TRUE(cudnn_attention_is_right(91500, 256));
  EXPECT_TRUE(cudnn_attention_is_right(91501, 197));
  EXPECT_TRUE(cudnn_attention_is_right(91900, 197));
}

// 48 and 300 are not the kernel's; the others are.
TEST(GpuSpatialAttentionOp, MatchesTheCpu) {
  if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  for (const auto& [tokens, head_width] :
       {std::pair{197, 64}, {17, 32}, {50, 80}, {65, 96}, {197, 128}, {20, 48}, {300, 64}}) {
    SCOPED_TRACE(testing::Message() << tokens << " tokens, heads of " << head_width);
    const Tensor qkv = draw({3, tokens, 3, 4, head_width}, 3).to(at::kBFloat16);
    const Tensor weights = draw({3, tokens, 4 * head_width}, 4).to(at::kBFloat16);
    const Outcome cpu = run(spatial_attention, qkv.to(at::kFloat), weights.to(at::kFloat));
    const Outcome gpu = run(spatial_attention, qkv.cuda(), weights.cuda());
    EXPECT_EQ(gpu.out.scalar_type(), at::kBFloat16);
    EXPECT_LT(difference(gpu.out, cpu.out), 2e-2);
    EXPECT_LT(difference(gpu.gradient, cpu.gradient), 2e-2);
    EXPECT_TRUE(at::equal(spatial_attention(qkv.cuda()), gpu.out)) << "without a gradient";
    const Outcome single = run(spatial_attention, qkv.cuda().to(at::kFloat), weights.cuda().to(at::kFloat));
    EXPECT_LT(difference(single.gradient, cpu.gradient), 1e-4) << "fp32";
  }
}

// Rows of a wider tensor, at an odd address, and a gradient that is no block of memory either.
TEST(GpuSpatialAttentionOp, TakesAnyStrides) {
  if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const Tensor qkv = draw({2, 9, 3, 2, 32}, 5).to(at::kBFloat16).cuda(), weights = draw({2, 64, 9}, 6).cuda();
  const Tensor wide = at::constant_pad_nd(qkv.view({2, 9, 192}), {1, 2}),
               odd = at::empty({qkv.numel() + 1}, qkv.options());
  odd.slice(0, 1).copy_(qkv.view({-1}));
  const Outcome plain = run(spatial_attention, qkv, weights.transpose(1, 2).to(at::kBFloat16));
  const Tensor expected = spatial_attention(qkv.cpu().to(at::kFloat));
  // The kernel's results are the same bits; LibTorch, which older GPUs take, chooses anew for each.
  for (const Tensor& other : {spatial_attention(wide.slice(2, 1, 193).unflatten(2, {3, 2, 32})),
                              spatial_attention(odd.slice(0, 1).view_as(qkv))}) {
    EXPECT_LT(difference(other, expected), 2e-2);
    EXPECT_TRUE(older_than_ampere() || at::equal(other, plain.out));
  }
}

}  // namespace
}  // namespace trecvit::ops
