// Streams that share a model: each is answered as if it were alone, whoever comes and goes; on a GPU a recorded step
// gives the same bits as one that was not.
#include "infer/stream_batch.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.h"
#include "infer/stream_model.h"

namespace trecvit {
namespace {

constexpr double kTolerance = 1e-5;  // fp32, other shapes of the same products

// Frame `number` of the film `film`.
void show(StreamBatch& batch, std::int64_t slot, std::uint64_t film, std::uint64_t number) {
  Rng rng(film, number);
  for (auto& level : batch.pixels(slot)) level = static_cast<std::uint8_t>(rng.below(256));
}

std::vector<float> answers(const StreamBatch& batch, std::int64_t slot) {
  std::vector<float> all(batch.frame_probabilities(slot).begin(), batch.frame_probabilities(slot).end());
  all.insert(all.end(), batch.mean_probabilities(slot).begin(), batch.mean_probabilities(slot).end());
  return all;
}

// The last answer of a stream that gets frames [0, frames) of `film` alone.
std::vector<float> alone(const Model& model, std::uint64_t film, std::uint64_t frames) {
  StreamBatch batch(model, {.slots = 1});
  const std::int64_t slot = batch.join();
  for (std::uint64_t t = 0; t < frames; ++t) {
    show(batch, slot, film, t);
    batch.step();
  }
  return answers(batch, slot);
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], kTolerance) << i;
}

TEST(StreamBatch, EveryStreamIsAnsweredAsIfAlone) {
  const auto model = stream_model();
  StreamBatch batch(*model, {.slots = 3});
  const std::int64_t a = batch.join(), b = batch.join(), c = batch.join();
  EXPECT_EQ((std::vector{a, b, c}), (std::vector<std::int64_t>{0, 1, 2}));
  for (std::uint64_t t = 0; t < 6; ++t) {
    for (const std::int64_t slot : {a, b, c}) show(batch, slot, 10 + static_cast<std::uint64_t>(slot), t);
    batch.step();
  }
  for (const std::int64_t slot : {a, b, c})
    expect_near(answers(batch, slot), alone(*model, 10 + static_cast<std::uint64_t>(slot), 6));
}

TEST(StreamBatch, OthersNoticeNeitherLeavingNorJoiningNorReset) {
  const auto model = stream_model();
  // The same film in slot 1, twice: with quiet neighbours and with restless ones.
  const auto run = [&](bool restless) {
    StreamBatch batch(*model, {.slots = 4});
    for (int i = 0; i < 4; ++i) batch.join();
    std::vector<std::vector<float>> told;
    for (std::uint64_t t = 0; t < 8; ++t) {
      if (restless && t == 2) batch.leave(0);
      if (restless && t == 4) {
        EXPECT_EQ(batch.join(), 0);
      }
      if (restless && t == 5) batch.reset(2);
      for (std::int64_t slot = 0; slot < 4; ++slot)
        show(batch, slot, restless && slot != 1 ? 99 : static_cast<std::uint64_t>(slot), t);
      batch.step();
      told.push_back(answers(batch, 1));
    }
    return told;
  };
  const auto quiet = run(false), restless = run(true);
  ASSERT_EQ(quiet.size(), restless.size());
  for (std::size_t t = 0; t < quiet.size(); ++t) expect_near(quiet[t], restless[t]);
}

TEST(StreamBatch, ThatJoinsOrIsResetHasSeenNothing) {
  const auto model = stream_model();
  StreamBatch batch(*model, {.slots = 2});
  const std::int64_t other = batch.join(), first = batch.join();
  const auto run = [&](std::int64_t slot, std::uint64_t film) {
    for (std::uint64_t t = 0; t < 4; ++t) {
      show(batch, other, 5, t);
      show(batch, slot, film, t);
      batch.step();
    }
    expect_near(answers(batch, slot), alone(*model, film, 4));
  };
  run(first, 1);
  batch.reset(first);
  run(first, 2);
  batch.leave(first);
  run(batch.join(), 3);
}

// A step of some streams is no frame of the others, and gives the bits of a step of these streams alone.
TEST(StreamBatch, AStepOfSomeStreamsIsTheirsAlone) {
  const auto model = stream_model();
  StreamBatch batch(*model, {.slots = 8}), few(*model, {.slots = 3});
  for (int i = 0; i < 8; ++i) batch.join();
  const std::vector<std::int64_t> slots{1, 4, 6};
  for (int i = 0; i < 3; ++i) few.join();
  for (std::uint64_t t = 0; t < 4; ++t) {
    for (std::int64_t i = 0; i < 3; ++i) {
      const std::int64_t slot = slots[static_cast<std::size_t>(i)];
      show(batch, slot, static_cast<std::uint64_t>(slot), t);
      show(few, i, static_cast<std::uint64_t>(slot), t);
    }
    batch.step(slots);
    few.step();
    for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(answers(batch, slots[static_cast<std::size_t>(i)]), answers(few, i));
  }
  EXPECT_THROW(batch.frame_probabilities(0), InternalError);
  show(batch, 0, 50, 0);
  batch.step(std::vector<std::int64_t>{0});
  expect_near(answers(batch, 0), alone(*model, 50, 1));
  EXPECT_THROW(batch.step(std::vector<std::int64_t>{1, 1}), InternalError);
}

TEST(StreamBatch, ASavedStreamGoesOnInAnotherSlot) {
  const auto model = stream_model();
  StreamBatch batch(*model, {.slots = 2}), other(*model, {.slots = 3});
  batch.join();
  const std::int64_t slot = batch.join();
  for (std::uint64_t t = 0; t < 5; ++t) {
    show(batch, slot, 8, t);
    batch.step(std::vector<std::int64_t>{slot});
  }
  const NamedArrays saved = batch.save(slot);
  for (int i = 0; i < 3; ++i) other.join();
  other.load(2, saved);
  show(batch, slot, 8, 5);
  show(other, 2, 8, 5);
  batch.step(std::vector<std::int64_t>{slot});
  other.step(std::vector<std::int64_t>{2});
  EXPECT_EQ(answers(batch, slot), answers(other, 2));
  EXPECT_THROW(other.load(1, {}), Error);
}

TEST(StreamBatch, TakesNoMoreThanItHolds) {
  const auto model = stream_model();
  StreamBatch batch(*model, {.slots = 2});
  EXPECT_THROW(batch.step(), InternalError);
  batch.join();
  batch.join();
  EXPECT_THROW(batch.join(), Error);
  batch.leave(0);
  EXPECT_EQ(batch.join(), 0);
  EXPECT_THROW(StreamBatch(*model, {.slots = 0}), UsageError);
  EXPECT_THROW(StreamBatch(*model, {.slots = 257}), UsageError);
}

// Streams come and go over 20 frames, so that steps of 1, 2 and 3 slots alternate.
std::vector<std::vector<float>> comings_and_goings(const Model& model, bool graph) {
  StreamBatch batch(model, {.slots = 3, .graph = graph});
  std::vector<std::int64_t> held{batch.join()};
  std::vector<std::vector<float>> told;
  for (std::uint64_t t = 0; t < 20; ++t) {
    if (t == 3 || t == 7 || t == 15) held.push_back(batch.join());
    if (t == 11) {
      batch.leave(held.back());
      held.pop_back();
    }
    if (t == 13) batch.reset(0);
    for (const std::int64_t slot : held) show(batch, slot, static_cast<std::uint64_t>(slot), t);
    batch.step();
    for (const std::int64_t slot : held) told.push_back(answers(batch, slot));
  }
  return told;
}

TEST(StreamBatch, GpuGraphGivesTheSameBits) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const auto model = stream_model(at::Device(at::kCUDA, 0), dtype);
    const auto plain = comings_and_goings(*model, false), recorded = comings_and_goings(*model, true);
    EXPECT_EQ(plain, recorded) << dtype;
    for (const auto& told : plain)
      for (const float p : told) EXPECT_TRUE(std::isfinite(p));
  }
}

TEST(StreamBatch, GpuStreamsAreAnsweredAsOnTheCpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const auto told = comings_and_goings(*stream_model(at::Device(at::kCUDA, 0)), true);
  const auto wanted = comings_and_goings(*stream_model(), false);
  ASSERT_EQ(told.size(), wanted.size());
  for (std::size_t i = 0; i < told.size(); ++i)
    for (std::size_t k = 0; k < told[i].size(); ++k) EXPECT_NEAR(told[i][k], wanted[i][k], 1e-4) << i;
}

}  // namespace
}  // namespace trecvit
