#include "data/loader/sampling.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "data/loader/augmentation.h"
#include "data/loader/order.h"

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
}

// int(tick * x) and int(tick / 2 + tick * x) with tick = count / T, as VideoMAE tests on Something-Something V2.
TEST(Sampling, UniformClipsBeginWhereVideoMaeHasThem) {
  for (const std::int64_t count : {3, 16, 41, 100}) {
    for (const std::int64_t frames : {4, 16}) {
      Numbers begins, middles;
      for (std::int64_t x = 0; x < frames; ++x) {
        const double tick = static_cast<double>(count) / static_cast<double>(frames),
                     begin = tick * static_cast<double>(x);
        begins.push_back(static_cast<std::int64_t>(begin));
        middles.push_back(static_cast<std::int64_t>(tick / 2 + begin));
      }
      EXPECT_EQ(evaluate(count, {.frames = frames, .uniform = true}, 0, 2), begins) << count << " " << frames;
      EXPECT_EQ(evaluate(count, {.frames = frames, .uniform = true}, 1, 2), middles) << count << " " << frames;
      EXPECT_EQ(evaluate(count, {.frames = frames, .uniform = true}), middles) << count << " " << frames;
    }
  }
  EXPECT_THAT(evaluate(16, {.frames = 2, .uniform = true}, 3, 4), ElementsAre(6, 14));
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

TEST(Timeline, CountsTicksOfAnyRate) {
  // 12 frames a second as WebM stores them: whole milliseconds.
  std::vector<double> times;
  for (int i = 0; i < 48; ++i) times.push_back(std::round(i * 1000.0 / 12) / 1000);
  const auto frames_at = [&](double fps) {
    const Timeline timeline(times, fps);
    Numbers numbers;
    for (std::int64_t k = 0; k < timeline.count(); ++k) numbers.push_back(timeline.frame(k));
    return numbers;
  };
  Numbers all(48);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(frames_at(0), all);
  EXPECT_EQ(frames_at(12), all) << "its own rate, in spite of rounding";
  const Numbers half = frames_at(6), twice = frames_at(24);
  ASSERT_EQ(half.size(), 24u);
  for (std::size_t k = 0; k < half.size(); ++k) EXPECT_EQ(half[k], static_cast<std::int64_t>(2 * k));
  EXPECT_EQ(twice.size(), 95u);
  EXPECT_TRUE(std::is_sorted(twice.begin(), twice.end()));
  EXPECT_EQ(twice.back(), 47);
  EXPECT_THAT(frames_at(1), ElementsAre(0, 12, 24, 36, 47));
  EXPECT_THAT(frames_at(0.001), ElementsAre(0));
}

TEST(Timeline, FollowsAChangingRate) {
  const std::vector<double> times = {0, 0.1, 0.2, 1.0, 1.1, 3.0};
  const Timeline timeline(times, 2);
  Numbers numbers;
  for (std::int64_t k = 0; k < timeline.count(); ++k) numbers.push_back(timeline.frame(k));
  EXPECT_THAT(numbers, ElementsAre(0, 2, 3, 4, 4, 5, 5));
  const std::vector<double> late = {7.0, 7.5}, one = {3.0};
  EXPECT_EQ(Timeline(late, 4).count(), 3);
  EXPECT_EQ(Timeline(one, 25).count(), 1);
  const std::vector<double> damaged = {0, 1e18};
  EXPECT_EQ(Timeline(damaged, 1000).frame(Timeline(damaged, 1000).count() - 1), 0);
}

Numbers streamed(const std::vector<double>& times, double fps, std::int64_t stride) {
  Pace pace(stride, fps);
  Numbers taken;
  const auto take = [&](std::int64_t now, Pace::Turns turns) {
    EXPECT_TRUE(turns.before == 0 || pace.looks_back());
    taken.insert(taken.end(), static_cast<std::size_t>(turns.before), now - 1);
    taken.insert(taken.end(), static_cast<std::size_t>(turns.now), now);
  };
  for (std::int64_t i = 0; i < std::ssize(times); ++i) take(i, pace.arrive(times[static_cast<std::size_t>(i)]));
  take(std::ssize(times), pace.end());
  return taken;
}

Numbers evaluated(const std::vector<double>& times, double fps, std::int64_t stride) {
  const Timeline timeline(times, fps);
  Numbers wanted;
  for (std::int64_t k = 0; k < timeline.count(); k += stride) wanted.push_back(timeline.frame(k));
  return wanted;
}

TEST(Pace, StreamsTheFramesThatEvaluationTakes) {
  Rng rng(5);
  for (const double rate : {12.0, 30.0, 30000.0 / 1001, 24.0, 60.0, 7.3, 0.0}) {  // 0: a changing one
    for (const bool milliseconds : {false, true}) {
      std::vector<double> times;
      double time = 0.25;
      for (int i = 0; i < 90; ++i) {
        times.push_back(milliseconds ? std::round(1000 * time) / 1000 : time);
        time = rate > 0 ? 0.25 + (i + 1) / rate : time + rng.uniform(0.003, i % 9 == 0 ? 2.0 : 0.1);
      }
      for (const double fps : {0.0, 1.0, 3.0, 5.0, 12.0, 24.0, 25.0, 29.97, 30.0, 60.0, 100.0, 999.0}) {
        for (const std::int64_t stride : {1, 2, 3, 7}) {
          EXPECT_EQ(streamed(times, fps, stride), evaluated(times, fps, stride))
              << rate << " frames/s, ms " << milliseconds << ", fps " << fps << ", stride " << stride;
        }
      }
    }
  }
}

TEST(Pace, TakesAFrameAsOftenAsTicksShowIt) {
  std::vector<double> times;
  for (int i = 0; i < 48; ++i) times.push_back(i / 12.0);
  EXPECT_EQ(streamed(times, 30, 2).size(), 59u) << "4 s at 30 ticks a second, every second one";
  EXPECT_THAT(streamed({0, 1}, 4, 1), ElementsAre(0, 0, 1, 1, 1));
  EXPECT_THAT(streamed({0}, 4, 1), ElementsAre(0));
  EXPECT_THAT(streamed({}, 4, 1), ElementsAre());
}

TEST(Pace, PassesOverAJumpOfTheClock) {
  EXPECT_THAT(streamed({0, 0.5, 1e9, 1e9 + 0.5}, 2, 1), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(streamed({0, 0.5, 1e28}, 2, 1), ElementsAre(0, 1, 2)) << "seconds that doubles do not tell apart";
}

TEST(Preprocess, EvaluationCropsGoFromEndToEnd) {
  EXPECT_EQ(evaluation_crop(0, 1).x, 0.5);
  EXPECT_EQ(evaluation_crop(0, 3).x, 0);
  EXPECT_EQ(evaluation_crop(1, 3).x, 0.5);
  EXPECT_EQ(evaluation_crop(2, 3).x, 1);
  EXPECT_EQ(evaluation_crop(2, 3).width, 1);
}

TEST(Preprocess, AugmentationStaysInRange) {
  AugmentConfig config;
  config.brightness = 0.2;
  config.contrast = 0.3;
  Rng rng(4);
  int flips = 0;
  double least = 1;
  for (int i = 0; i < 500; ++i) {
    const Augmentation a = draw_augmentation(config, 32, rng);
    EXPECT_LE(a.crop.width, 1);
    EXPECT_GE(a.crop.width, 0.875 / 1.33 - 1e-9);
    EXPECT_EQ(a.crop.width, a.crop.height);
    EXPECT_LE(std::abs(a.brightness), 0.2);
    EXPECT_LE(std::abs(a.contrast - 1), 0.3 + 1e-9);
    flips += a.crop.flip;
    least = std::min(least, a.crop.width);
  }
  EXPECT_GT(flips, 200);
  EXPECT_LT(flips, 300);
  EXPECT_LT(least, 0.68);
  config.flip = "none";
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(draw_augmentation(config, 32, rng).crop.flip);
  config.enabled = false;
  EXPECT_EQ(draw_augmentation(config, 32, rng).crop.width, 1);
}

TEST(Preprocess, BrightnessAndContrast) {
  const auto changed = [](const Augmentation& augmentation, std::vector<std::uint8_t> pixels) {
    augment_clip(augmentation,
           {.pixels = pixels.data(), .frames = 1, .height = 1, .width = static_cast<int>(pixels.size()) / 3});
    return pixels;
  };
  EXPECT_THAT(changed({}, {0, 100, 128, 200, 255, 1}), ElementsAre(0, 100, 128, 200, 255, 1));
  EXPECT_THAT(changed({.brightness = 0.1}, {0, 100, 128, 200, 255, 1}), ElementsAre(26, 126, 154, 226, 255, 27));
  EXPECT_THAT(changed({.contrast = 0.5}, {0, 127, 128, 255, 0, 0}), ElementsAre(64, 127, 128, 191, 64, 64));
}

}  // namespace
}  // namespace trecvit
