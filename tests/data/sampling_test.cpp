#include "data/loader/sampling.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <vector>

#include "data/loader/order.h"
#include "data/loader/preprocess.h"

namespace trecvit {
namespace {

using testing::ElementsAre;
using Numbers = std::vector<std::int64_t>;

Numbers evaluate(std::int64_t count, const Sampling& sampling, std::int64_t clip = 0, std::int64_t clips = 1) {
  Numbers numbers(static_cast<std::size_t>(sampling.frames));
  evaluation_frames(count, sampling, clip, clips, numbers);
  return numbers;
}

TEST(Sampling, DenseCentresOneClip) {
  EXPECT_THAT(evaluate(11, {.frames = 4, .stride = 2}), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(evaluate(7, {.frames = 4, .stride = 2}), ElementsAre(0, 2, 4, 6));
}

TEST(Sampling, DenseClipsSpreadFromFirstFrameToLast) {
  const Sampling sampling{.frames = 4, .stride = 2};
  EXPECT_THAT(evaluate(17, sampling, 0, 3), ElementsAre(0, 2, 4, 6));
  EXPECT_THAT(evaluate(17, sampling, 1, 3), ElementsAre(5, 7, 9, 11));
  EXPECT_THAT(evaluate(17, sampling, 2, 3), ElementsAre(10, 12, 14, 16));
}

TEST(Sampling, ShortClipRules) {
  EXPECT_THAT(evaluate(5, {.frames = 4, .stride = 2}), ElementsAre(0, 2, 4, 4));
  EXPECT_THAT(evaluate(5, {.frames = 4, .stride = 2, .short_clip = ShortClip::kLoop}), ElementsAre(0, 2, 4, 1));
  EXPECT_THAT(evaluate(5, {.frames = 4, .stride = 2, .short_clip = ShortClip::kStretch}), ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(evaluate(1, {.frames = 3, .stride = 2, .short_clip = ShortClip::kStretch}), ElementsAre(0, 0, 0));
  EXPECT_THAT(evaluate(3, {.frames = 1, .stride = 9, .short_clip = ShortClip::kStretch}), ElementsAre(1));
}

TEST(Sampling, UniformTakesMiddlesOfSegments) {
  EXPECT_THAT(evaluate(16, {.frames = 4, .uniform = true}), ElementsAre(2, 6, 10, 14));
  EXPECT_THAT(evaluate(2, {.frames = 4, .uniform = true}), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(evaluate(16, {.frames = 4, .uniform = true}, 0, 2), ElementsAre(1, 5, 9, 13));
  EXPECT_THAT(evaluate(16, {.frames = 4, .uniform = true}, 1, 2), ElementsAre(3, 7, 11, 15));
}

TEST(Sampling, TrainingStaysInsideAndReachesEveryStart) {
  Rng rng(1);
  std::set<std::int64_t> starts;
  for (int i = 0; i < 200; ++i) {
    Numbers numbers(4);
    training_frames(12, {.frames = 4, .stride = 2}, rng, numbers);
    starts.insert(numbers[0]);
    for (std::size_t t = 1; t < 4; ++t) EXPECT_EQ(numbers[t], numbers[t - 1] + 2);
    EXPECT_LT(numbers[3], 12);
  }
  EXPECT_THAT(starts, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Sampling, UniformTrainingTakesOneFramePerSegment) {
  Rng rng(2);
  std::set<std::int64_t> all;
  for (int i = 0; i < 300; ++i) {
    Numbers numbers(4);
    training_frames(16, {.frames = 4, .uniform = true}, rng, numbers);
    for (std::int64_t t = 0; t < 4; ++t) {
      EXPECT_EQ(numbers[static_cast<std::size_t>(t)] / 4, t);
      all.insert(numbers[static_cast<std::size_t>(t)]);
    }
  }
  EXPECT_EQ(all.size(), 16u);
}

TEST(Order, IsAPermutationForAnySize) {
  for (std::int64_t n = 1; n < 140; ++n) {
    const Permutation order(n, 3, 4);
    std::set<std::int64_t> seen;
    for (std::int64_t i = 0; i < n; ++i) seen.insert(order(i));
    EXPECT_EQ(std::ssize(seen), n);
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(*seen.rbegin(), n - 1);
  }
}

TEST(Order, DependsOnSeedAndEpoch) {
  const Permutation a(1000, 1, 0), b(1000, 2, 0), c(1000, 1, 1);
  int same_seed = 0, same_epoch = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {
    same_seed += a(i) == b(i);
    same_epoch += a(i) == c(i);
  }
  EXPECT_LT(same_seed, 10);
  EXPECT_LT(same_epoch, 10);
}

// Every element lands everywhere equally often: chi-square over 8 x 8 cells with 49 degrees of freedom.
TEST(Order, IsUniform) {
  constexpr int kEpochs = 4000;
  int counts[8][8] = {};
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const Permutation order(8, 9, static_cast<std::uint64_t>(epoch));
    for (std::int64_t i = 0; i < 8; ++i) ++counts[i][order(i)];
  }
  double chi = 0;
  for (const auto& row : counts) {
    for (const int count : row) chi += (count - kEpochs / 8.0) * (count - kEpochs / 8.0) / (kEpochs / 8.0);
  }
  EXPECT_LT(chi, 86);  // the one-in-a-thousand point of 49 degrees is 85.4
}

TEST(Order, ShardsPartition) {
  for (const int world : {1, 2, 3, 8}) {
    std::int64_t next = 0;
    for (int rank = 0; rank < world; ++rank) {
      const Shard shard = evaluation_shard(29, rank, world);
      EXPECT_EQ(shard.begin, next);
      next = shard.end;
    }
    EXPECT_EQ(next, 29);
  }
}

TEST(Preprocess, EvaluationCropsGoFromEndToEnd) {
  EXPECT_EQ(evaluation_crop(0, 1).x, 0.5);
  EXPECT_EQ(evaluation_crop(0, 3).x, 0);
  EXPECT_EQ(evaluation_crop(1, 3).x, 0.5);
  EXPECT_EQ(evaluation_crop(2, 3).x, 1);
  EXPECT_EQ(evaluation_crop(2, 3).share, 1);
}

TEST(Preprocess, AugmentationStaysInRange) {
  AugmentConfig config;
  config.brightness = 0.2;
  config.contrast = 0.3;
  Rng rng(4);
  int flips = 0;
  double least = 1;
  for (int i = 0; i < 500; ++i) {
    const Augmentation a = draw_augmentation(config, rng);
    EXPECT_LE(a.crop.share, 1);
    EXPECT_GE(a.crop.share, 0.875 / 1.33 - 1e-9);
    EXPECT_LE(std::abs(a.brightness), 0.2);
    EXPECT_LE(std::abs(a.contrast - 1), 0.3 + 1e-9);
    flips += a.crop.flip;
    least = std::min(least, a.crop.share);
  }
  EXPECT_GT(flips, 200);
  EXPECT_LT(flips, 300);
  EXPECT_LT(least, 0.68);
  config.flip = "none";
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(draw_augmentation(config, rng).crop.flip);
  config.enabled = false;
  EXPECT_EQ(draw_augmentation(config, rng).crop.share, 1);
}

TEST(Preprocess, LightTable) {
  std::vector<std::uint8_t> levels = {0, 100, 128, 200, 255};
  LightTable({.brightness = 0, .contrast = 1}).apply(levels.data(), levels.size());
  EXPECT_THAT(levels, ElementsAre(0, 100, 128, 200, 255));
  LightTable({.brightness = 0.1, .contrast = 1}).apply(levels.data(), levels.size());
  EXPECT_THAT(levels, ElementsAre(26, 126, 154, 226, 255));
  levels = {0, 127, 128, 255};
  LightTable({.brightness = 0, .contrast = 0.5}).apply(levels.data(), levels.size());
  EXPECT_THAT(levels, ElementsAre(64, 127, 128, 191));
}

}  // namespace
}  // namespace trecvit
