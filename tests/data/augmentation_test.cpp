// Augmentations drawn for a clip, against their ranges, and their effect.
#include "data/loader/augmentation.h"

#include <gmock/gmock.h>

#include <set>

#include "clip_support.h"
#include "data/transforms/mixing.h"

namespace trecvit::data_test {
namespace {

TEST(Augmentation, PartsDoNotDisturbOneAnother) {
  AugmentConfig plain;
  AugmentConfig all = plain;
  all.brightness = all.contrast = all.saturation = 0.4;
  all.hue = 0.1;
  all.rand_augment = 4;
  all.erase = 0.5;
  bool erased = false, coloured = false, augmented = false;
  for (std::uint64_t i = 0; i < 60; ++i) {
    Rng a(1, i), b(1, i);
    const Augmentation one = draw_augmentation(plain, 32, a), other = draw_augmentation(all, 32, b);
    EXPECT_EQ(one.crop.x, other.crop.x);
    EXPECT_EQ(one.crop.width, other.crop.width);
    EXPECT_EQ(one.crop.flip, other.crop.flip);
    EXPECT_EQ(a.position, b.position);
    EXPECT_TRUE(one.operations.empty() && !one.erased && !one.colours);
    erased |= other.erased.has_value();
    coloured |= other.colours.has_value();
    augmented |= !other.operations.empty();
    if (!other.erased) continue;
    EXPECT_GE(other.erased->x, 0);
    EXPECT_LE(other.erased->x + other.erased->width, 32);
    EXPECT_LE(other.erased->y + other.erased->height, 32);
    EXPECT_GE(other.erased->width * other.erased->height, 32 * 32 / 50 - 20);
    EXPECT_LE(other.erased->width * other.erased->height, 32 * 32 / 3 + 20);
  }
  EXPECT_TRUE(erased && coloured && augmented);
  all.grey = 1;
  Rng rng(1);
  EXPECT_EQ(draw_augmentation(all, 32, rng).colours, saturation_matrix(0));
}

// The same draw gives the same bytes, and does so to each frame alike.
TEST(Augmentation, ChangesAreRepeatableAndAlikeForAllFrames) {
  AugmentConfig config;
  config.brightness = config.contrast = config.saturation = 0.4;
  config.hue = 0.1;
  config.rand_augment = 5;
  config.rand_prob = 1;
  config.erase = 1;
  for (std::uint64_t i = 0; i < 20; ++i) {
    Rng rng(2, i);
    const Augmentation drawn = draw_augmentation(config, kHeight, rng);
    Clip first(9, true), second = first, still = first;
    for (std::int64_t t = 1; t < kFrames; ++t) {
      std::copy_n(still.view().frame(0), Clip::kFrameBytes, still.view().frame(t));
    }
    augment_clip(drawn, first.view());
    augment_clip(drawn, second.view());
    augment_clip(drawn, still.view());
    EXPECT_EQ(first.bytes, second.bytes);
    first.expect_canaries();
    for (std::int64_t t = 1; t < kFrames; ++t) {
      EXPECT_TRUE(std::equal(still.view().frame(0), still.view().frame(0) + Clip::kFrameBytes, still.view().frame(t)));
    }
  }
}

TEST(Crop, ResizedKeepsAreaAndAspect) {
  AugmentConfig config;
  config.crop = "resized";
  config.area_min = 0.1;
  double least = 1, most = 0, narrow = 9, broad = 0;
  for (std::uint64_t i = 0; i < 800; ++i) {
    Rng rng(1, i);
    const Crop crop = draw_augmentation(config, 32, rng).crop;
    const auto [width, height] = i % 2 ? std::pair(427, 240) : std::pair(240, 320);
    const video::View view = place(crop, width, height);
    EXPECT_GE(view.x, -1e-9);
    EXPECT_GE(view.y, -1e-9);
    EXPECT_LE(view.x + view.width, width + 1e-9);
    EXPECT_LE(view.y + view.height, height + 1e-9);
    const double area = view.width * view.height / (width * height), aspect = view.width / view.height;
    least = std::min(least, area), most = std::max(most, area);
    narrow = std::min(narrow, aspect), broad = std::max(broad, aspect);
  }
  EXPECT_NEAR(least, 0.1, 0.02);
  EXPECT_GT(most, 0.8);
  EXPECT_NEAR(narrow, 0.75, 0.02);
  EXPECT_NEAR(broad, 1.3333, 0.02);
  // Nothing fits a ribbon: its middle.
  Rng rng(1);
  const video::View middle = place({.shapes = {{.area = 0.9, .aspect = 1}}}, 1000, 10);
  EXPECT_EQ(middle.width, 10);
  EXPECT_EQ(middle.x, 495);
}

TEST(Crop, MultiScaleTakesItsTenShapesAtThirteenPlaces) {
  AugmentConfig config;
  config.crop = "multi_scale";
  std::set<std::pair<double, double>> shapes, places;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    Rng rng(1, i);
    const Crop crop = draw_augmentation(config, 32, rng).crop;
    shapes.emplace(crop.width, crop.height);
    places.emplace(crop.x, crop.y);
    const video::View view = place(crop, 427, 240);
    EXPECT_LE(view.x + view.width, 427 + 1e-9);
    EXPECT_NEAR(view.height, 240 * crop.height, 1e-9);
  }
  EXPECT_EQ(shapes.size(), 10u);
  EXPECT_EQ(places.size(), 13u);
  EXPECT_TRUE(shapes.count({0.66, 0.66}) && shapes.count({1, 0.875}) && !shapes.count({1, 0.75}));
}

TEST(Mixing, BetaHasItsMoments) {
  for (const double alpha : {0.02, 0.2, 0.8, 1.0, 4.0}) {
    Rng rng(5);
    double sum = 0, squares = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const double value = draw_beta(alpha, rng);
      ASSERT_TRUE(value >= 0 && value <= 1);
      sum += value, squares += value * value;
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 0.015) << alpha;
    EXPECT_NEAR(squares / kDraws - 0.25, 1 / (4 * (2 * alpha + 1)), 0.012) << alpha;
  }
}

TEST(Mixing, WeightIsTheShareOfTheLabel) {
  AugmentConfig config;
  Rng rng(1);
  EXPECT_EQ(draw_mixing(config, 20, 30, rng).weight, 1);
  config.mixup = 0.8;
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(draw_mixing(config, 20, 30, rng).cut);
  config.cutmix = 1;
  int cut = 0;
  for (int i = 0; i < 400; ++i) {
    const Mixing mixing = draw_mixing(config, 20, 30, rng);
    cut += mixing.cut;
    if (!mixing.cut) continue;
    EXPECT_NEAR(mixing.weight, 1 - mixing.hole.width * mixing.hole.height / 600.0, 1e-12);
    EXPECT_GE(mixing.hole.x, 0);
    EXPECT_LE(mixing.hole.x + mixing.hole.width, 30);
    EXPECT_LE(mixing.hole.y + mixing.hole.height, 20);
  }
  EXPECT_NEAR(cut, 200, 40);
  config.mix_prob = 0;
  EXPECT_EQ(draw_mixing(config, 20, 30, rng).weight, 1);
  config.mix_prob = 1;
  config.enabled = false;
  EXPECT_EQ(draw_mixing(config, 20, 30, rng).weight, 1);
}

}  // namespace
}  // namespace trecvit::data_test
