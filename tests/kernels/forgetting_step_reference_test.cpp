#include <gtest/gtest.h>

#include "forgetting_stream.h"
#include "kernels/forgetting_attention/step_reference.h"
#include "kernels/forgetting_attention/threshold.h"

namespace trecvit::kernels {
namespace {

// The frames of a clip one by one; `each` sees the stream after every one.
template <class F>
void stream_clip(const ForgettingProblem<float>& clip, ForgettingStream<double>& stream, const F& each) {
  const std::int64_t line = stream.rows * stream.heads * stream.head_width, cells = stream.rows * stream.heads;
  for (std::int64_t t = 0; t < clip.shape.keys; ++t) {
    ForgettingStep<double> p = stream.arguments();
    p.q = clip.q.exact.data() + t * line, p.k = clip.k.exact.data() + t * line, p.v = clip.v.exact.data() + t * line;
    p.log_f = clip.log_f.io.data() + t * cells;
    reference::forgetting_attention_step(p);
    each(t, line);
  }
}

ForgettingProblem<float> clip_of(std::int64_t frames, double gate_shift = 0) {
  return ForgettingProblem<float>(
      {.rows = 2, .heads = 3, .head_width = 4, .queries = frames, .keys = frames, .gate_shift = gate_shift});
}

TEST(ForgettingStepReference, FrameByFrameIsTheClip) {
  const auto clip = clip_of(90);
  const auto expected = clip.reference();
  ForgettingStream<double> stream(2, 3, 4, /*window=*/90, /*bound=*/30);
  stream.allowed = 0;  // keep all
  stream_clip(clip, stream, [&](std::int64_t t, std::int64_t line) {
    for (std::int64_t n = 0; n < line; ++n) ASSERT_NEAR(stream.out[n], expected.out[t * line + n], 1e-12) << t;
  });
  EXPECT_EQ(stream.living(), 90);
}

TEST(ForgettingStepReference, WhatIsGivenUpHasLittleWeight) {
  const auto clip = clip_of(400);
  const auto expected = clip.reference();
  const float bound = logit_bound(clip.shape, clip.q.exact, clip.k.exact);
  ForgettingStream<double> stream(2, 3, 4, /*window=*/400, bound);
  double largest = 0;
  for (double value : clip.v.exact) largest = std::max(largest, std::abs(value));
  stream_clip(clip, stream, [&](std::int64_t t, std::int64_t line) {
    for (std::int64_t n = 0; n < line; ++n) {
      ASSERT_LE(std::abs(stream.out[n] - expected.out[t * line + n]), 2 * kForgettingEps * largest) << t;
    }
  });
  EXPECT_LT(stream.next[0] - stream.first[0], 100) << "a forgetful head";
  for (double worst : stream.worst) EXPECT_LE(worst, kForgettingEps);
  EXPECT_GT(stream.worst[0], 0);
}

TEST(ForgettingStepReference, AFullRingGivesUpTheOldestAndSaysWhatThatMayCost) {
  const auto clip = clip_of(60, /*gate_shift=*/4);
  const auto expected = clip.reference();
  double largest = 0;
  for (double value : clip.v.exact) largest = std::max(largest, std::abs(value));
  for (const std::int64_t window : {1, 7, 20}) {
    ForgettingStream<double> stream(2, 3, 4, window, logit_bound(clip.shape, clip.q.exact, clip.k.exact));
    stream_clip(clip, stream, [&](std::int64_t t, std::int64_t line) {
      EXPECT_LE(stream.living(), window);
      for (std::int64_t n = 0; n < line; ++n) {
        const double lost = stream.lost[n / 4];
        ASSERT_LE(std::abs(stream.out[n] - expected.out[t * line + n]), 2 * lost * largest + 1e-12) << t;
      }
    });
    for (double worst : stream.worst) EXPECT_GT(worst, kForgettingEps);
  }
}

TEST(ForgettingStepReference, AMillionFramesStayFiniteAndBounded) {
  constexpr std::int64_t kFrames = 1'000'000, kPeriod = 1000;
  const ForgettingProblem<float> frames({.head_width = 1, .queries = kPeriod, .keys = kPeriod});
  ForgettingStream<double> stream(1, 1, 1, /*window=*/128, logit_bound(frames.shape, frames.q.exact, frames.k.exact));
  std::int64_t most = 0;
  for (std::int64_t t = 0; t < kFrames; ++t) {
    ForgettingStep<double> p = stream.arguments();
    const std::int64_t at = t % kPeriod;
    p.q = &frames.q.exact[at], p.k = &frames.k.exact[at], p.v = &frames.v.exact[at], p.log_f = &frames.log_f.io[at];
    reference::forgetting_attention_step(p);
    most = std::max(most, stream.living());
    ASSERT_TRUE(std::isfinite(stream.out[0])) << t;
  }
  EXPECT_LT(most, 128);
  EXPECT_LE(stream.worst[0], kForgettingEps);
  EXPECT_EQ(stream.next[0], kFrames);
}

TEST(ForgettingStepReference, TheAllowanceIsTheThresholdsEps) {
  EXPECT_DOUBLE_EQ(kForgettingEps, std::exp(kForgettingLogEps));
}

}  // namespace
}  // namespace trecvit::kernels
