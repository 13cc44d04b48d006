#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include <cstring>

#include "gpu_buffer.h"
#include "kernels/spatial_attention/spatial_attention_cuda.h"
#include "spatial_attention_problem.h"

namespace trecvit::kernels {
namespace {

struct Results {
  std::vector<Bf16> out, dqkv;
  std::vector<float> lse;
};

// Forward and backward on the device, from poisoned outputs.
Results run(const SpatialAttentionProblem<Bf16>& problem) {
  const SpatialAttentionShape& s = problem.shape;
  Results r{poisoned<Bf16>(s.out_size()), poisoned<Bf16>(3 * s.out_size()), poisoned<float>(s.lse_size())};
  OnDevice device;
  SpatialAttentionForward<Bf16> f;
  s.point(f);
  f.qkv = device.in(problem.qkv.io.data(), 3 * s.out_size());
  f.out = device.out(r.out.data(), s.out_size()), f.lse = device.out(r.lse.data(), s.lse_size());
  spatial_attention_forward_cuda(f, nullptr);
  SpatialAttentionBackward<Bf16> b;
  s.point(b);
  b.qkv = f.qkv, b.out = f.out, b.lse = f.lse, b.dout = device.in(problem.dout.io.data(), s.out_size());
  b.dqkv = device.out(r.dqkv.data(), 3 * s.out_size());
  spatial_attention_backward_cuda(b, nullptr);
  device.finish();
  return r;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

void expect_matches(const SpatialAttentionProblem<Bf16>& problem) {
  const SpatialAttentionShape& s = problem.shape;
  SCOPED_TRACE(testing::Message() << s.frames << " frames of " << s.tokens << " tokens, " << s.heads << " heads of "
                                  << s.head_width);
  if (!spatial_attention_served_cuda(s.tokens, s.head_width)) return;  // a device with less shared memory
  const Results first = run(problem), second = run(problem);
  EXPECT_LE(worst_error(first.out, problem.out), 1e-2) << "out";
  EXPECT_LE(worst_error(first.lse, problem.lse), 1e-5) << "lse";
  EXPECT_LE(worst_error(first.dqkv, problem.dqkv), 1e-2) << "dqkv";
  EXPECT_TRUE(same_bits(first.out, second.out) && same_bits(first.lse, second.lse) &&
              same_bits(first.dqkv, second.dqkv));
}

// Sizes on both sides of every number of tiles and groups that a kernel is made for; few frames share their queries
// between blocks.
TEST(GpuSpatialAttention, MatchesTheReferenceOnSmallFrames) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (std::int64_t tokens : {1, 2, 15, 16, 17, 32, 33, 65, 72, 73}) {
    expect_matches(SpatialAttentionProblem<Bf16>({3, tokens, 1, 64}));
    expect_matches(SpatialAttentionProblem<Bf16>({2, tokens, 3, 32}));
  }
}

TEST(GpuSpatialAttention, MatchesTheReferenceOnLargeFrames) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (std::int64_t tokens : {104, 105, 136, 137, 168, 169, 192, 193, 197, 200, 201, 208, 209, 232, 233, 257, 272}) {
    expect_matches(SpatialAttentionProblem<Bf16>({3, tokens, 1, 64}));
    expect_matches(SpatialAttentionProblem<Bf16>({2, tokens, 3, 32}));
  }
  for (std::int64_t tokens : {17, 197, 272}) expect_matches(SpatialAttentionProblem<Bf16>({2, tokens, 12, 64}));
  expect_matches(SpatialAttentionProblem<Bf16>({300, 17, 3, 64}));  // more blocks than run at once
}

TEST(GpuSpatialAttention, LargeLogitsDoNotOverflow) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (std::int64_t tokens : {1, 5, 65, 197}) {
    expect_matches(SpatialAttentionProblem<Bf16>({2, tokens, 3, 64}, /*spread=*/30.0));
  }
}

TEST(GpuSpatialAttention, LseIsOptional) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  const SpatialAttentionProblem<Bf16> problem({1, 20, 2, 64});
  std::vector<Bf16> out = poisoned<Bf16>(problem.shape.out_size());
  OnDevice device;
  SpatialAttentionForward<Bf16> f;
  problem.shape.point(f);
  f.qkv = device.in(problem.qkv.io.data(), problem.qkv.io.size()), f.out = device.out(out.data(), out.size());
  spatial_attention_forward_cuda(f, nullptr);
  device.finish();
  EXPECT_TRUE(same_bits(out, run(problem).out));
}

TEST(GpuSpatialAttention, ServesOnlyItsSizes) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  EXPECT_FALSE(spatial_attention_served_cuda(273, 64));
  EXPECT_FALSE(spatial_attention_served_cuda(197, 48));
  EXPECT_FALSE(spatial_attention_served_cuda(0, 64));
  EXPECT_THROW(spatial_attention_forward_cuda({{.frames = 1, .tokens = 273, .heads = 1, .head_width = 64}}, nullptr),
               InternalError);
}

}  // namespace
}  // namespace trecvit::kernels
#endif
