#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "forgetting_stream.h"
#include "gpu_buffer.h"
#include "kernels/architecture.h"
#include "kernels/forgetting_attention/forgetting_attention_cuda.h"
#include "kernels/forgetting_attention/hopper.h"
#include "kernels/forgetting_attention/step_reference.h"

namespace trecvit::kernels {
namespace {

// Memory of the device for as long as this lives, NaN at first.
class Scratch {
 public:
  explicit Scratch(std::int64_t bytes) {
    if (bytes == 0) return;
    succeed(cudaMalloc(&memory_, bytes));
    succeed(cudaMemset(memory_, 0xff, bytes));
  }
  ~Scratch() { cudaFree(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* get() const { return memory_; }

 private:
  void* memory_ = nullptr;
};

// Forward and backward on the device, from poisoned outputs.
template <class Io>
ForgettingResults<Io> run_gpu(const ForgettingProblem<Io>& problem) {
  const ForgettingCase& s = problem.shape;
  const std::int64_t line = s.rows * (s.line() + s.gap), out = s.queries * s.rows * s.line();
  const auto move_inputs = [&](auto& p, OnDevice& device) {
    p.q = device.in(p.q, s.queries * line), p.k = device.in(p.k, s.keys * line), p.v = device.in(p.v, s.keys * line);
    p.log_f = device.in(p.log_f, s.keys * s.cells());
  };
  return problem.template run<Io>(
      [&](auto p) {
        OnDevice device;
        move_inputs(p, device);
        p.out = device.out(p.out, out), p.lse = device.out(p.lse, s.cells() * s.queries);
        const Scratch decays(forgetting_decays_bytes_cuda(p));
        forgetting_decays_cuda(p, decays.get(), nullptr);
        p.decays = decays.get();
        forgetting_attention_forward_cuda(p, nullptr);
        device.finish();
      },
      [&](auto p) {
        OnDevice device;
        move_inputs(p, device);
        p.out = device.in(p.out, out), p.lse = device.in(p.lse, s.cells() * s.queries), p.dout = device.in(p.dout, out);
        p.dq = device.out(p.dq, s.queries * line), p.dk = device.out(p.dk, s.keys * line);
        p.dv = device.out(p.dv, s.keys * line), p.dlog_f = device.out(p.dlog_f, s.keys * s.cells());
        const Scratch decays(forgetting_decays_bytes_cuda(p)), scratch(forgetting_backward_bytes_cuda(p));
        forgetting_decays_cuda(p, decays.get(), nullptr);
        p.decays = decays.get(), p.scratch = scratch.get();
        forgetting_attention_backward_cuda(p, nullptr);
        device.finish();
      },
      [](const auto& numbers) { return numbers.io.data(); });
}

template <class Io>
bool served(std::int64_t width) {
  return forgetting_attention_served_cuda<Io>(width, false) && forgetting_attention_served_cuda<Io>(width, true);
}

template <class Io>
bool all_same_bits(const ForgettingResults<Io>& a, const ForgettingResults<Io>& b) {
  return same_bits(a.out, b.out) && same_bits(a.lse, b.lse) && same_bits(a.dq, b.dq) && same_bits(a.dk, b.dk) &&
         same_bits(a.dv, b.dv) && same_bits(a.dlog_f, b.dlog_f);
}

// Gradients of few queries differ by more: delta is of a rounded output, an error that all of its row's share.
template <class Io>
void expect_matches(const ForgettingCase& shape) {
  if (!served<Io>(shape.head_width)) return;  // an older device, or one with less shared memory
  SCOPED_TRACE(name_of(shape));
  constexpr bool kExact = std::is_same_v<Io, float>;
  constexpr double kTolerance = kExact ? 2e-5 : 5e-3;
  const ForgettingProblem<Io> problem(shape);
  const ForgettingResults<double> expected = problem.reference();
  const ForgettingResults<Io> actual = run_gpu(problem), again = run_gpu(problem);
  EXPECT_TRUE(all_same_bits(actual, again));
  EXPECT_LE(distance(actual.out, expected.out), kTolerance);
  EXPECT_LE(distance(actual.lse, expected.lse), 1e-5);
  EXPECT_LE(distance(actual.dv, expected.dv), kTolerance);
  if (shape.keys < 2) return;  // sums that vanish
  const double tolerance = shape.queries < 32 ? 2 * kTolerance : kTolerance;
  EXPECT_LE(distance(actual.dq, expected.dq), tolerance);
  EXPECT_LE(distance(actual.dk, expected.dk), tolerance);
  EXPECT_LE(distance(actual.dlog_f, expected.dlog_f), tolerance);
}

class GpuForgettingAttention : public testing::TestWithParam<std::int64_t> {  // D
 protected:
  void SetUp() override {
    if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  }
  template <class F>
  static void both(const F& f) {
    f(float{}), f(Bf16{});
  }
};

TEST_P(GpuForgettingAttention, MatchesTheReferenceOnShortSequences) {
  both([&]<class Io>(Io) {
    for (const std::int64_t keys : {1, 2, 7, 16, 17, 32, 33, 63, 64}) {
      expect_matches<Io>({.rows = 5, .heads = 3, .head_width = GetParam(), .queries = keys, .keys = keys});
    }
  });
}

TEST_P(GpuForgettingAttention, MatchesTheReferenceOnLongSequences) {
  both([&]<class Io>(Io) {
    for (const std::int64_t keys : {65, 111, 128, 129, 300, 1020}) {
      for (const float threshold : {-INFINITY, -30.0f}) {
        expect_matches<Io>({.rows = keys > 1000 ? 1 : 2,
                            .heads = 2,
                            .head_width = GetParam(),
                            .queries = keys,
                            .keys = keys,
                            .threshold = threshold});
      }
    }
  });
}

TEST_P(GpuForgettingAttention, MatchesTheReferenceOnALongerSequence) {
  expect_matches<Bf16>({.heads = 2, .head_width = GetParam(), .queries = 4098, .keys = 4098, .threshold = -30});
}

TEST_P(GpuForgettingAttention, TakesFewerQueriesThanKeys) {
  both([&]<class Io>(Io) {
    for (const auto& [queries, keys] :
         {std::pair{1, 2}, {5, 40}, {17, 64}, {1, 200}, {63, 65}, {65, 130}, {100, 257}, {130, 131}, {200, 500}}) {
      for (const float threshold : {-INFINITY, -20.0f}) {
        expect_matches<Io>({.rows = 2,
                            .heads = 2,
                            .head_width = GetParam(),
                            .queries = queries,
                            .keys = keys,
                            .threshold = threshold});
      }
    }
  });
}

TEST_P(GpuForgettingAttention, TakesPartsOfWiderLines) {
  both([&]<class Io>(Io) {
    for (const std::int64_t keys : {40, 200}) {
      expect_matches<Io>({.rows = 3,
                          .heads = 2,
                          .head_width = GetParam(),
                          .queries = keys,
                          .keys = keys,
                          .threshold = -30,
                          .gap = 24});
    }
  });
}

// More blocks than run at once.
TEST_P(GpuForgettingAttention, TakesManyRows) {
  expect_matches<Bf16>({.rows = 700, .heads = 3, .head_width = GetParam(), .queries = 20, .keys = 20});
  expect_matches<Bf16>(
      {.rows = 300, .heads = 3, .head_width = GetParam(), .queries = 70, .keys = 70, .threshold = -20});
}

TEST_P(GpuForgettingAttention, DroppedTilesAreNotRead) {
  both([&]<class Io>(Io) {
    if (!served<Io>(GetParam())) return;
    ForgettingProblem<Io> problem({.head_width = GetParam(), .queries = 64, .keys = 320, .threshold = -30});
    const auto before = run_gpu(problem);
    for (std::int64_t n = 0; n < 128 * GetParam(); ++n) problem.k.io[n] = problem.v.io[n] = from_double<Io>(NAN);
    const auto after = run_gpu(problem);
    EXPECT_TRUE(same_bits(before.out, after.out) && same_bits(before.dq, after.dq));
    EXPECT_FALSE(std::isnan(to_double(before.out[0])));
  });
}

// Large logits and hard resets.
TEST_P(GpuForgettingAttention, ExtremesStayFinite) {
  both([&]<class Io>(Io) {
    if (!served<Io>(GetParam())) return;
    for (const std::int64_t keys : {50, 200}) {
      ForgettingProblem<Io> problem(
          {.rows = 2, .head_width = GetParam(), .queries = keys, .keys = keys, .threshold = -500}, /*spread=*/5.0);
      for (std::int64_t t = 0; t < keys; t += 9) problem.log_f.io[2 * t] = problem.log_f.exact[2 * t] = -1e4;
      const auto expected = problem.reference();
      const auto actual = run_gpu(problem);
      const double tolerance = std::is_same_v<Io, float> ? 2e-3 : 2e-2;
      EXPECT_LE(distance(actual.out, expected.out), tolerance);
      EXPECT_LE(distance(actual.dv, expected.dv), tolerance);
      EXPECT_LE(distance(actual.dq, expected.dq), 4 * tolerance);
    }
  });
}

// A Hopper has products of its own; without them it takes the way of an Ampere.
TEST_P(GpuForgettingAttention, BothFormsMatchTheReference) {
  if (!forgetting_attention_hopper_served(GetParam())) GTEST_SKIP() << "no form for Hopper";
  const ArchitectureLimit limit(80);
  for (const std::int64_t keys : {65, 200, 1020}) {
    expect_matches<Bf16>({.heads = 2, .head_width = GetParam(), .queries = keys, .keys = keys, .threshold = -30});
  }
}

TEST_P(GpuForgettingAttention, AStreamMatchesTheReference) {
  both([&]<class Io>(Io) {
    constexpr std::int64_t kFrames = 80, kRows = 5, kHeads = 3;
    const ForgettingProblem<Io> clip(
        {.rows = kRows, .heads = kHeads, .head_width = GetParam(), .queries = kFrames, .keys = kFrames}, 0.5);
    for (const std::int64_t window : {1, 3, 20, 64}) {
      const float bound = logit_bound(clip.shape, clip.q.exact, clip.k.exact);
      ForgettingStream<Io> stream(kRows, kHeads, GetParam(), window, bound);
      ForgettingStream<double> expected(kRows, kHeads, GetParam(), window, bound);
      for (std::int64_t t = 0; t < kFrames; ++t) {
        const std::int64_t line = kRows * kHeads * GetParam(), cells = kRows * kHeads;
        ForgettingStep<double> e = expected.arguments();
        e.q = clip.q.exact.data() + t * line, e.k = clip.k.exact.data() + t * line;
        e.v = clip.v.exact.data() + t * line, e.log_f = clip.log_f.io.data() + t * cells;
        reference::forgetting_attention_step(e);
        OnDevice device;
        ForgettingStep<Io> p = stream.arguments();
        p.q = device.in(clip.q.io.data() + t * line, line), p.k = device.in(clip.k.io.data() + t * line, line);
        p.v = device.in(clip.v.io.data() + t * line, line);
        p.log_f = device.in(clip.log_f.io.data() + t * cells, cells);
        p.keys = device.out(stream.keys.data(), stream.keys.size());
        p.values = device.out(stream.values.data(), stream.values.size());
        p.c = device.out(stream.c.data(), stream.c.size());
        p.first = device.out(stream.first.data(), cells), p.next = device.out(stream.next.data(), cells);
        p.lost = device.out(stream.lost.data(), cells), p.worst = device.out(stream.worst.data(), cells);
        stream.out.assign(line, from_double<Io>(NAN));
        p.out = device.out(stream.out.data(), line);
        forgetting_attention_step_cuda(p, nullptr);
        device.finish();
        const double tolerance = std::is_same_v<Io, float> ? 1e-5 : 5e-3;
        ASSERT_LE(distance(stream.out, expected.out), tolerance) << t;
      }
      EXPECT_EQ(stream.first, expected.first);
      EXPECT_EQ(stream.next, expected.next);
      EXPECT_LE(distance(stream.worst, expected.worst), 1e-10);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Widths, GpuForgettingAttention, testing::Values(16, 32, 64, 128),
                         [](const auto& info) { return "D" + std::to_string(info.param); });

TEST(GpuForgettingAttentionSizes, ServesOnlyItsWidths) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (const bool backward : {false, true}) {
    EXPECT_FALSE(forgetting_attention_served_cuda<Bf16>(48, backward));
    const ArchitectureLimit turing(75);
    EXPECT_FALSE(forgetting_attention_served_cuda<Bf16>(64, backward));
  }
  ForgettingAttentionForward<Bf16> p;
  p.rows = p.heads = p.queries = p.keys = 1, p.head_width = 48;
  EXPECT_THROW(forgetting_attention_forward_cuda(p, nullptr), InternalError);
}

}  // namespace
}  // namespace trecvit::kernels
#endif
