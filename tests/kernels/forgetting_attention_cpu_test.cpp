#include <gtest/gtest.h>

#include "forgetting_stream.h"
#include "kernels/forgetting_attention/forgetting_attention.h"
#include "kernels/forgetting_attention/step_reference.h"

namespace trecvit::kernels {
namespace {

// Runs items in `parts` calls, last ones first, as threads might.
template <class F>
void in_parts(std::int64_t items, std::int64_t parts, const F& f) {
  for (std::int64_t part = parts - 1; part >= 0; --part) f(items * part / parts, items * (part + 1) / parts);
}

template <class Io>
ForgettingResults<Io> run_cpu(const ForgettingProblem<Io>& problem, CpuLevel level, std::int64_t parts) {
  const ForgettingCase& s = problem.shape;
  std::vector<double> c(s.cells() * s.keys);
  forgetting_decays_cpu(problem.log_f.io.data(), s.cells(), s.keys, c.data(), 0, s.cells());
  return problem.template run<Io>(
      [&](auto p) {
        p.decays = c.data();
        in_parts(p.cells() * p.query_tiles(), parts,
                 [&](auto begin, auto end) { forgetting_attention_forward_cpu(p, begin, end, level); });
      },
      [&](auto p) {
        p.decays = c.data();
        in_parts(p.cells(), parts,
                 [&](auto begin, auto end) { forgetting_attention_backward_cpu(p, begin, end, level); });
      },
      [](const auto& numbers) { return numbers.io.data(); });
}

std::vector<CpuLevel> levels() {
  std::vector<CpuLevel> result;
  for (const CpuLevel level : {CpuLevel::kBaseline, CpuLevel::kAvx2, CpuLevel::kAvx512}) {
    if (level <= cpu_level()) result.push_back(level);
  }
  return result;
}

template <class Io>
void expect_matches(const ForgettingCase& shape, double tolerance) {
  SCOPED_TRACE(name_of(shape));
  const ForgettingProblem<Io> problem(shape);
  const ForgettingResults<double> expected = problem.reference();
  for (const CpuLevel level : levels()) {
    const ForgettingResults<Io> actual = run_cpu(problem, level, 1), parted = run_cpu(problem, level, 3);
    EXPECT_LE(distance(actual.out, expected.out), tolerance);
    EXPECT_LE(distance(actual.lse, expected.lse), 1e-5);
    EXPECT_LE(distance(actual.dv, expected.dv), tolerance);
    if (shape.keys > 1) {  // with one key they are sums that vanish
      EXPECT_LE(distance(actual.dq, expected.dq), tolerance);
      EXPECT_LE(distance(actual.dk, expected.dk), tolerance);
      EXPECT_LE(distance(actual.dlog_f, expected.dlog_f), tolerance);
    }
    EXPECT_TRUE(same_bits(actual.out, parted.out) && same_bits(actual.dq, parted.dq) &&
                same_bits(actual.dk, parted.dk) && same_bits(actual.dlog_f, parted.dlog_f));
  }
}

TEST(ForgettingAttentionCpu, MatchesTheReference) {
  for (const std::int64_t keys : {1, 2, 7, 33, 63, 64, 65, 111, 1020}) {
    expect_matches<float>({.rows = 2, .heads = 2, .head_width = 16, .queries = keys, .keys = keys, .threshold = -30},
                          1e-5);
  }
  for (const std::int64_t width : {1, 3, 32, 64, 128}) {
    expect_matches<float>({.heads = 2, .head_width = width, .queries = 130, .keys = 130, .threshold = -15, .gap = 3},
                          1e-5);
  }
}

TEST(ForgettingAttentionCpu, MatchesTheReferenceOnALongSequence) {
  expect_matches<float>({.heads = 2, .head_width = 4, .queries = 4098, .keys = 4098, .threshold = -30}, 1e-5);
}

TEST(ForgettingAttentionCpu, TakesFewerQueriesThanKeys) {
  for (const auto& [queries, keys] : {std::pair{1, 2}, {1, 200}, {63, 64}, {65, 130}, {100, 257}, {130, 131}}) {
    for (const float threshold : {-INFINITY, -20.0f}) {
      expect_matches<float>(
          {.rows = 2, .heads = 2, .head_width = 8, .queries = queries, .keys = keys, .threshold = threshold}, 1e-5);
    }
  }
}

TEST(ForgettingAttentionCpu, TakesBf16) {
  expect_matches<Bf16>({.rows = 2, .heads = 2, .head_width = 32, .queries = 150, .keys = 150, .threshold = -30}, 5e-3);
}

// Of a clip where some pairs of tiles are dropped, their keys and values become NaN for queries that drop them.
TEST(ForgettingAttentionCpu, DroppedTilesAreNotRead) {
  const ForgettingCase shape{.head_width = 16, .queries = 64, .keys = 256, .threshold = -30};
  ForgettingProblem<float> problem(shape);
  const auto before = run_cpu(problem, cpu_level(), 1);
  for (std::int64_t n = 0; n < 128 * 16; ++n) problem.k.io[n] = problem.v.io[n] = NAN;
  const auto after = run_cpu(problem, cpu_level(), 1);
  EXPECT_TRUE(same_bits(before.out, after.out) && same_bits(before.dq, after.dq));
}

TEST(ForgettingStepCpu, MatchesTheReference) {
  for (const std::int64_t width : {3, 64}) {
    constexpr std::int64_t kFrames = 90, kRows = 2, kHeads = 3;
    const ForgettingProblem<float> clip(
        {.rows = kRows, .heads = kHeads, .head_width = width, .queries = kFrames, .keys = kFrames});
    const float bound = logit_bound(clip.shape, clip.q.exact, clip.k.exact);
    for (const CpuLevel level : levels()) {
      ForgettingStream<float> stream(kRows, kHeads, width, /*window=*/20, bound);
      ForgettingStream<double> expected(kRows, kHeads, width, /*window=*/20, bound);
      for (std::int64_t t = 0; t < kFrames; ++t) {
        const std::int64_t at = t * kRows * kHeads * width;
        ForgettingStep<float> p = stream.arguments();
        p.q = clip.q.io.data() + at, p.k = clip.k.io.data() + at, p.v = clip.v.io.data() + at;
        ForgettingStep<double> e = expected.arguments();
        e.q = clip.q.exact.data() + at, e.k = clip.k.exact.data() + at, e.v = clip.v.exact.data() + at;
        p.log_f = e.log_f = clip.log_f.io.data() + t * kRows * kHeads;
        in_parts(kRows * kHeads, 2, [&](auto begin, auto end) { forgetting_attention_step_cpu(p, begin, end, level); });
        reference::forgetting_attention_step(e);
        ASSERT_LE(distance(stream.out, expected.out), 1e-5) << t;
      }
      EXPECT_EQ(stream.first, expected.first);
      EXPECT_EQ(stream.lost, expected.lost);
      EXPECT_EQ(stream.worst, expected.worst);
    }
  }
}

}  // namespace
}  // namespace trecvit::kernels
