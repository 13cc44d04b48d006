// Operations on clips against formulas written out pixel by pixel.
#include <gmock/gmock.h>

#include <set>

#include "clip_support.h"
#include "data/transforms/clip_ops.h"
#include "data/transforms/rand_augment.h"

namespace trecvit::data_test {
namespace {

std::uint8_t clamped(double value) { return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L)); }

// Applies the operation and compares with wanted(before, t, y, x, c).
template <class Wanted>
void expect_operation(const DrawnOperation& drawn, Wanted&& wanted, int slack = 0, bool smooth = false) {
  SCOPED_TRACE(testing::Message() << operation_name(drawn.operation) << " " << drawn.magnitude << " "
                                  << drawn.negative);
  Clip before(5, smooth), after = before;
  apply(drawn, after.view());
  after.expect_canaries();
  for (std::int64_t t = 0; t < kFrames; ++t) {
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        for (int c = 0; c < 3; ++c) {
          ASSERT_NEAR(after.at(t, y, x, c), wanted(before, t, y, x, c), slack) << t << " " << y << " " << x << " " << c;
        }
      }
    }
  }
}

template <class Level>
void expect_levels(const DrawnOperation& drawn, Level&& level) {
  expect_operation(drawn, [&](Clip& clip, std::int64_t t, int y, int x, int c) { return level(clip.at(t, y, x, c)); });
}

TEST(RandAugmentOps, LevelByLevel) {
  expect_levels({Operation::kInvert, 3}, [](int v) { return 255 - v; });
  expect_levels({Operation::kPosterize, 0}, [](int v) { return v / 16 * 16; });
  expect_levels({Operation::kPosterize, 7}, [](int v) { return v / 64 * 64; });
  expect_levels({Operation::kPosterize, 10}, [](int v) { return v / 128 * 128; });
  expect_levels({Operation::kSolarize, 0}, [](int v) { return v; });
  expect_levels({Operation::kSolarize, 10}, [](int v) { return 255 - v; });
  expect_levels({Operation::kSolarize, 5}, [](int v) { return v < 128 ? v : 255 - v; });
  expect_levels({Operation::kSolarizeAdd, 10}, [](int v) { return v < 128 ? v + 110 : v; });
  expect_levels({Operation::kBrightness, 10}, [](int v) { return clamped(1.9 * v); });
  expect_levels({Operation::kBrightness, 10, true}, [](int v) { return clamped(0.1 * v); });
  expect_levels({Operation::kBrightness, 5, true}, [](int v) { return clamped(0.55 * v); });
}

TEST(RandAugmentOps, StatisticsAreTheClips) {
  const auto each = [](Clip& clip, int c, auto&& f) {
    for (std::int64_t t = 0; t < kFrames; ++t) {
      for (int y = 0; y < kHeight; ++y) {
        for (int x = 0; x < kWidth; ++x) f(static_cast<int>(clip.at(t, y, x, c)));
      }
    }
  };
  expect_operation(
      {Operation::kAutoContrast, 5},
      [&](Clip& clip, std::int64_t t, int y, int x, int c) {
        int low = 255, high = 0;
        each(clip, c, [&](int v) { low = std::min(low, v), high = std::max(high, v); });
        return clamped(255.0 * (clip.at(t, y, x, c) - low) / (high - low));
      },
      0, /*smooth=*/true);
  for (const bool negative : {false, true}) {
    expect_operation({Operation::kContrast, 10, negative}, [&](Clip& clip, std::int64_t t, int y, int x, int c) {
      double sum = 0;
      int pixels = 0;
      each(clip, 0, [&](int v) { sum += 0.299 * v, ++pixels; });
      each(clip, 1, [&](int v) { sum += 0.587 * v; });
      each(clip, 2, [&](int v) { sum += 0.114 * v; });
      const double mean = std::round(sum / pixels);
      return clamped(mean + (negative ? 0.1 : 1.9) * (clip.at(t, y, x, c) - mean));
    });
  }
  // Equalised level: how many pixels are below it, in steps that bring all but those of the highest to 255.
  Clip before(5, true), after = before;
  apply({Operation::kEqualize, 5}, after.view());
  for (int c = 0; c < 3; ++c) {
    std::vector<std::pair<int, int>> pixels;
    for (std::int64_t t = 0; t < kFrames; ++t) {
      for (int y = 0; y < kHeight; ++y) {
        for (int x = 0; x < kWidth; ++x) pixels.emplace_back(before.at(t, y, x, c), after.at(t, y, x, c));
      }
    }
    std::sort(pixels.begin(), pixels.end());
    const auto below = [&](int level) {
      return std::lower_bound(pixels.begin(), pixels.end(), std::pair(level, -1)) - pixels.begin();
    };
    const auto step = below(pixels.back().first) / 255;
    for (const auto& [old_level, level] : pixels)
      ASSERT_EQ(level, std::min<std::ptrdiff_t>(255, (below(old_level) + step / 2) / step)) << old_level;
  }
  Clip flat(1);
  std::fill(flat.bytes.begin(), flat.bytes.end(), 77);
  for (const Operation operation : {Operation::kAutoContrast, Operation::kEqualize, Operation::kContrast}) {
    apply({operation, 10}, flat.view());
    for (const std::uint8_t level : flat.bytes) ASSERT_EQ(level, 77) << operation_name(operation);
  }
}

TEST(RandAugmentOps, ColourAndSharpness) {
  for (const bool negative : {false, true}) {
    const double factor = negative ? 0.1 : 1.9;
    expect_operation(
        {Operation::kColour, 10, negative},
        [&](Clip& clip, std::int64_t t, int y, int x, int c) {
          const double grey = 0.299 * clip.at(t, y, x, 0) + 0.587 * clip.at(t, y, x, 1) + 0.114 * clip.at(t, y, x, 2);
          return clamped(grey + factor * (clip.at(t, y, x, c) - grey));
        },
        1);
    expect_operation(
        {Operation::kSharpness, 10, negative},
        [&](Clip& clip, std::int64_t t, int y, int x, int c) {
          if (y == 0 || x == 0 || y == kHeight - 1 || x == kWidth - 1) return clip.at(t, y, x, c);
          double sum = 4.0 * clip.at(t, y, x, c);
          for (int dy = -1; dy <= 1; ++dy) {
            for (int dx = -1; dx <= 1; ++dx) sum += clip.at(t, y + dy, x + dx, c);
          }
          const double smooth = std::round(sum / 13);
          return clamped(smooth + factor * (clip.at(t, y, x, c) - smooth));
        },
        1);
  }
}

// The pixel that (x, y) shows, bilinear; 128 outside.
double look_up(Clip& clip, std::int64_t t, double y, double x, int c) {
  const auto level = [&](int row, int column) {
    const bool inside = row >= 0 && row < kHeight && column >= 0 && column < kWidth;
    return inside ? static_cast<double>(clip.at(t, row, column, c)) : 128.0;
  };
  const int y0 = static_cast<int>(std::floor(y)), x0 = static_cast<int>(std::floor(x));
  const double fy = y - y0, fx = x - x0;
  return (1 - fy) * ((1 - fx) * level(y0, x0) + fx * level(y0, x0 + 1)) +
         fy * ((1 - fx) * level(y0 + 1, x0) + fx * level(y0 + 1, x0 + 1));
}

TEST(RandAugmentOps, Geometry) {
  const double cx = (kWidth - 1) / 2.0, cy = (kHeight - 1) / 2.0;
  for (const bool negative : {false, true}) {
    const double sign = negative ? -1 : 1;
    const auto expect_moved = [&](Operation operation, auto&& source) {
      expect_operation(
          {operation, 10, negative},
          [&](Clip& clip, std::int64_t t, int y, int x, int c) {
            const auto [sy, sx] = source(y - cy, x - cx);
            return look_up(clip, t, sy + cy, sx + cx, c);
          },
          9, /*smooth=*/true);  // 1/32 of a pixel, of steps up to 128 at the border
    };
    const double angle = sign * std::acos(-1.0) / 6;
    expect_moved(Operation::kRotate, [&](double y, double x) {
      return std::pair(std::sin(angle) * x + std::cos(angle) * y, std::cos(angle) * x - std::sin(angle) * y);
    });
    expect_moved(Operation::kShearX, [&](double y, double x) { return std::pair(y, x + sign * 0.3 * y); });
    expect_moved(Operation::kShearY, [&](double y, double x) { return std::pair(y + sign * 0.3 * x, x); });
    expect_moved(Operation::kTranslateX, [&](double y, double x) { return std::pair(y, x + sign * 0.45 * kWidth); });
    expect_moved(Operation::kTranslateY, [&](double y, double x) { return std::pair(y + sign * 0.45 * kHeight, x); });
  }
  // Magnitude 0 moves nothing at all.
  for (const Operation operation : {Operation::kRotate, Operation::kShearX, Operation::kTranslateY}) {
    expect_operation({operation, 0},
                     [](Clip& clip, std::int64_t t, int y, int x, int c) { return clip.at(t, y, x, c); });
  }
}

TEST(RandAugmentDraws, AllOperationsAtTheGivenStrength) {
  std::set<Operation> seen;
  Rng rng(3);
  double sum = 0, squares = 0, drawn = 0, negative = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto operations = draw_operations({.layers = 4, .magnitude = 7, .deviation = 0.5, .probability = 0.5}, rng);
    EXPECT_LE(operations.size(), 4u);
    for (const DrawnOperation& one : operations) {
      seen.insert(one.operation);
      EXPECT_GE(one.magnitude, 0);
      EXPECT_LE(one.magnitude, 10);
      sum += one.magnitude, squares += one.magnitude * one.magnitude, negative += one.negative, ++drawn;
    }
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kOperations));
  EXPECT_NEAR(drawn / 8000, 0.5, 0.02);
  EXPECT_NEAR(negative / drawn, 0.5, 0.03);
  EXPECT_NEAR(sum / drawn, 7, 0.05);
  EXPECT_NEAR(std::sqrt(squares / drawn - sum / drawn * sum / drawn), 0.5, 0.03);
  EXPECT_TRUE(draw_operations({.layers = 0}, rng).empty());
  for (const DrawnOperation& one :
       draw_operations({.layers = 16, .magnitude = 10, .deviation = 9, .probability = 1}, rng))
    EXPECT_LE(one.magnitude, 10);
}

TEST(ClipOps, HueTurnsLeaveGreyAndComeBack) {
  Clip clip(6, true), before = clip;
  for (std::int64_t t = 0; t < kFrames; ++t) {
    for (int c = 0; c < 3; ++c) clip.at(t, 0, 0, c) = 99;
  }
  mix_colours(clip.view(), hue_matrix(0.25));
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(clip.at(1, 0, 0, c), 99, 1);
  EXPECT_NE(clip.bytes, before.bytes);
  const ColourMatrix around = product(hue_matrix(0.3), hue_matrix(0.7));
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(around[i], i % 4 == 0 ? 1 : 0, 1e-9);
}

TEST(ClipOps, NoiseFillsTheSameRectangleInEveryFrame) {
  Clip clip(7), before = clip;
  Rng rng(1);
  const Rectangle where{.x = 5, .y = 2, .width = 9, .height = 11};
  fill_with_noise(clip.view(), where, rng);
  clip.expect_canaries();
  int changed = 0;
  for (std::int64_t t = 0; t < kFrames; ++t) {
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const bool inside = x >= 5 && x < 14 && y >= 2 && y < 13;
        changed += inside && clip.at(t, y, x, 0) != before.at(t, y, x, 0);
        if (inside) {
          EXPECT_EQ(clip.at(t, y, x, 0), clip.at(0, y, x, 0));
        } else {
          EXPECT_EQ(clip.at(t, y, x, 0), before.at(t, y, x, 0));
        }
      }
    }
  }
  EXPECT_GT(changed, 250);
}

}  // namespace
}  // namespace trecvit::data_test
