#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include <cstring>

#include "gpu_buffer.h"
#include "kernels/architecture.h"
#include "kernels/spatial_attention/hopper.h"
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
  if (!spatial_attention_forward_served_cuda(s.tokens, s.head_width) ||
      !spatial_attention_backward_served_cuda(s.tokens, s.head_width)) {
    return;  // a device with less shared memory, or an older one
  }
  const Results first = run(problem), second = run(problem);
  EXPECT_LE(worst_error(first.out, problem.out), 1e-2) << "out";
  EXPECT_LE(worst_error(first.lse, problem.lse), 1e-5) << "lse";
  EXPECT_LE(worst_error(first.dqkv, problem.dqkv), 1e-2) << "dqkv";
  EXPECT_TRUE(same_bits(first.out, second.out) && same_bits(first.lse, second.lse) &&
              same_bits(first.dqkv, second.dqkv));
}

constexpr std::int64_t kWidths[] = {32, 64, 80, 96, 128};

// Sizes on both sides of every number of tiles and groups that a kernel is made for; few frames share their queries
// between blocks.
TEST(GpuSpatialAttention, MatchesTheReferenceOnSmallFrames) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (std::int64_t tokens : {1, 2, 15, 16, 17, 32, 33, 65, 72, 73}) {
    for (std::int64_t width : kWidths) expect_matches(SpatialAttentionProblem<Bf16>({2, tokens, 3, width}));
  }
}

TEST(GpuSpatialAttention, MatchesTheReferenceOnLargeFrames) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (std::int64_t tokens :
       {104, 105, 136, 137, 168, 169, 192, 193, 197, 200, 201, 208, 209, 224, 232, 233, 257, 272}) {
    for (std::int64_t width : kWidths) expect_matches(SpatialAttentionProblem<Bf16>({2, tokens, 1, width}));
  }
  for (std::int64_t tokens : {17, 197, 272}) expect_matches(SpatialAttentionProblem<Bf16>({2, tokens, 12, 64}));
  for (std::int64_t width : kWidths) {  // more blocks than run at once
    expect_matches(SpatialAttentionProblem<Bf16>({300, 17, 3, width}));
  }
}

TEST(GpuSpatialAttention, LargeLogitsDoNotOverflow) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (std::int64_t tokens : {1, 5, 65, 197}) {
    expect_matches(SpatialAttentionProblem<Bf16>({2, tokens, 3, 64}, /*spread=*/30.0));
  }
}

TEST(GpuSpatialAttention, LseIsOptional) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  if (architecture() < 80) GTEST_SKIP() << "the GPU has no products of bf16";
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
  for (const auto served : {spatial_attention_forward_served_cuda, spatial_attention_backward_served_cuda}) {
    EXPECT_FALSE(served(273, 64));
    EXPECT_FALSE(served(197, 48));
    EXPECT_FALSE(served(0, 64));
    const ArchitectureLimit turing(75);
    EXPECT_FALSE(served(197, 64));
  }
  EXPECT_THROW(spatial_attention_forward_cuda({{.frames = 1, .tokens = 273, .heads = 1, .head_width = 64}}, nullptr),
               InternalError);
}

// A Hopper has products of its own; without them it takes the way of an Ampere.
TEST(GpuSpatialAttention, BothFormsGiveTheSameBits) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  if (!spatial_attention_hopper_served(197, 64)) GTEST_SKIP() << "not a Hopper, or a build without its code";
  for (std::int64_t tokens : {49, 65, 80, 81, 120, 121, 160, 161, 197, 200, 201, 240, 241, 272}) {
    for (const std::int64_t frames : {1, 70}) {  // a block has one turn, or all of them
      const SpatialAttentionProblem<Bf16> problem({frames, tokens, 3, 64}, /*spread=*/1.0, /*solved=*/false);
      const Results hopper = run(problem);
      const ArchitectureLimit limit(80);
      const Results ampere = run(problem);
      EXPECT_TRUE(same_bits(hopper.out, ampere.out)) << frames << " frames of " << tokens << " tokens";
    }
  }
}

// Three frames' results are the q, k and v of one further frame, which is asked for next; then the same again, in the
// same memory. Returns what comes out of both, when everything has been run `times` times.
std::vector<Bf16> run_chain(const SpatialAttentionProblem<Bf16>& problem, bool captured, int times) {
  const SpatialAttentionShape& s = problem.shape;
  const std::int64_t size = s.out_size() / 3;
  const std::vector<Bf16> other(problem.qkv.io.rbegin(), problem.qkv.io.rend());
  std::vector<Bf16> between = poisoned<Bf16>(3 * size), results = poisoned<Bf16>(2 * size);
  OnDevice device;
  SpatialAttentionForward<Bf16> first, second;
  s.point(first), s.point(second);
  second.frames = 1;
  const Bf16* const inputs[2] = {device.in(problem.qkv.io.data(), 9 * size), device.in(other.data(), 9 * size)};
  second.qkv = first.out = device.out(between.data(), 3 * size);
  Bf16* const outputs = device.out(results.data(), 2 * size);
  cudaStream_t stream;
  succeed(cudaStreamCreate(&stream));
  const auto enqueue = [&] {
    for (int i = 0; i < 2; ++i) {
      first.qkv = inputs[i], second.out = outputs + i * size;
      spatial_attention_forward_cuda(first, stream);
      spatial_attention_forward_cuda(second, stream);
    }
  };
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  if (captured) {
    succeed(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    enqueue();
    succeed(cudaStreamEndCapture(stream, &graph));
    succeed(cudaGraphInstantiate(&ready, graph, 0));
  }
  for (int n = 0; n < times; ++n) {
    if (captured) {
      succeed(cudaGraphLaunch(ready, stream));
    } else {
      enqueue();
    }
  }
  device.finish();
  if (captured) cudaGraphExecDestroy(ready), cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  return results;
}

TEST(GpuSpatialAttention, EarlyStartsChangeNothing) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  if (architecture() < 80) GTEST_SKIP() << "the GPU has no products of bf16";
  const SpatialAttentionProblem<Bf16> problem({3, 197, 12, 64}, /*spread=*/1.0, /*solved=*/false);
  const auto plain = [&] {
    const ArchitectureLimit ampere(80);
    return run_chain(problem, /*captured=*/false, /*times=*/1);
  }();
  for (const bool captured : {false, true}) EXPECT_TRUE(same_bits(run_chain(problem, captured, /*times=*/30), plain));
}

}  // namespace
}  // namespace trecvit::kernels
#endif
