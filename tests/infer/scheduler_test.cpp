// Sessions over one scheduler: each is answered as if it were alone, whoever else pushes, resets, comes or goes.
#include "infer/scheduler.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/error.h"
#include "core/rng.h"
#include "infer/stream_model.h"

namespace trecvit {
namespace {

constexpr double kTolerance = 1e-5;  // fp32, other shapes of the same products

void show(Session& session, std::uint64_t film, std::uint64_t number) {
  Rng rng(film, number);
  for (auto& value : session.pixels()) value = static_cast<std::uint8_t>(rng.below(256));
}

// The mean probabilities after each of `frames` frames of `film`.
std::vector<std::vector<float>> watch(Scheduler& scheduler, std::uint64_t film, std::uint64_t frames) {
  const auto session = scheduler.open();
  std::vector<std::vector<float>> answers;
  for (std::uint64_t t = 0; t < frames; ++t) {
    show(*session, film, t);
    answers.push_back(session->push().mean_probabilities);
  }
  return answers;
}

void expect_near(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t t = 0; t < a.size(); ++t)
    for (std::size_t c = 0; c < a[t].size(); ++c) ASSERT_NEAR(a[t][c], b[t][c], kTolerance) << t << " " << c;
}

TEST(Scheduler, ThreadsAreAnsweredAsIfAlone) {
  const auto model = stream_model();
  constexpr int kThreads = 4;
  Scheduler shared(*model, {.slots = kThreads});
  std::vector<std::vector<std::vector<float>>> answers(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)  // of different lengths: the last go on alone
    threads.emplace_back([&, i] { answers[i] = watch(shared, 20 + i, 5 + 4 * i); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(shared.sessions(), 0);
  EXPECT_EQ(shared.frames(), 5 + 9 + 13 + 17);
  EXPECT_LE(shared.steps(), shared.frames());
  for (int i = 0; i < kThreads; ++i) {
    Scheduler own(*model, {.slots = 1});
    expect_near(answers[i], watch(own, 20 + i, 5 + 4 * i));
  }
}

// Two schedulers over one model: a forward pass changes nothing of it.
TEST(Scheduler, SchedulersShareAModel) {
  const auto model = stream_model();
  Scheduler a(*model, {.slots = 1}), b(*model, {.slots = 1});
  std::vector<std::vector<float>> of_a, of_b;
  std::thread first([&] { of_a = watch(a, 1, 12); }), second([&] { of_b = watch(b, 2, 12); });
  first.join();
  second.join();
  EXPECT_EQ(of_a, watch(a, 1, 12));
  EXPECT_EQ(of_b, watch(b, 2, 12));
}

TEST(Scheduler, ASessionWithoutAFrameHoldsNobodyUp) {
  const auto model = stream_model();
  Scheduler shared(*model, {.slots = 3, .deadline_ms = 0.1}), own(*model, {.slots = 1});
  const auto idle = shared.open(), other_idle = shared.open();
  expect_near(watch(shared, 3, 6), watch(own, 3, 6));
  EXPECT_EQ(idle->frames(), 0);
}

TEST(Scheduler, ResetAndLoadedSessionsGoOn) {
  const auto model = stream_model();
  Scheduler scheduler(*model, {.slots = 2});
  const auto a = scheduler.open();
  std::vector<std::vector<float>> first;
  for (std::uint64_t t = 0; t < 4; ++t) {
    show(*a, 5, t);
    first.push_back(a->push().mean_probabilities);
  }
  const NamedArrays saved = a->save();
  show(*a, 5, 4);
  const std::vector<float> next = a->push().mean_probabilities;
  const auto b = scheduler.open();
  b->load(saved);
  EXPECT_EQ(b->frames(), 4);
  show(*b, 5, 4);
  EXPECT_EQ(b->push().mean_probabilities, next);
  a->reset();
  EXPECT_EQ(a->frames(), 0);
  for (std::uint64_t t = 0; t < 4; ++t) {
    show(*a, 5, t);
    EXPECT_EQ(a->push().mean_probabilities, first[t]);
  }
}

TEST(Scheduler, RefusesWhatItCannotHold) {
  const auto model = stream_model();
  Scheduler scheduler(*model, {.slots = 1});
  auto session = scheduler.open();
  EXPECT_THROW(scheduler.open(), Error);
  EXPECT_THROW(session->load({}), Error);
  session.reset();
  scheduler.open();
  EXPECT_THROW(Scheduler(*model, {.slots = 1, .deadline_ms = -1}), UsageError);
}

}  // namespace
}  // namespace trecvit
