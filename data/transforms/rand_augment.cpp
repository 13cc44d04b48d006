#include "data/transforms/rand_augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace trecvit {
namespace {

constexpr double kTop = 10;  // magnitude

std::uint8_t level_of(double value) { return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L)); }

template <class F>
LevelMap map_of(F&& f) {
  LevelMap map;
  for (std::size_t c = 0; c < 3; ++c) {
    for (int level = 0; level < 256; ++level) map[c][static_cast<std::size_t>(level)] = level_of(f(c, level));
  }
  return map;
}

template <class F>
void map_all(const ClipView& clip, F&& f) {
  map_levels(clip, map_of([&](std::size_t, int level) { return f(level); }));
}

void auto_contrast(const ClipView& clip) {
  const Histogram counts = count_levels(clip);
  std::array<int, 3> low{}, high{};
  for (std::size_t c = 0; c < 3; ++c) {
    low[c] = static_cast<int>(std::find_if(counts[c].begin(), counts[c].end(), [](std::int64_t n) { return n > 0; }) -
                              counts[c].begin());
    high[c] = 255 - static_cast<int>(
                        std::find_if(counts[c].rbegin(), counts[c].rend(), [](std::int64_t n) { return n > 0; }) -
                        counts[c].rbegin());
  }
  map_levels(clip, map_of([&](std::size_t c, int level) {
               return high[c] <= low[c] ? level : 255.0 * (level - low[c]) / (high[c] - low[c]);
             }));
}

// Level i becomes (pixels below i + step / 2) / step, step = (all pixels but those of the highest level) / 255, in
// whole numbers: as the Python imaging library does it.
void equalize(const ClipView& clip) {
  const Histogram counts = count_levels(clip);
  LevelMap map;
  for (std::size_t c = 0; c < 3; ++c) {
    std::int64_t pixels = 0, highest = 0;
    for (const std::int64_t n : counts[c]) {
      pixels += n;
      if (n > 0) highest = n;
    }
    const std::int64_t step = (pixels - highest) / 255;
    std::int64_t below = step / 2;
    for (std::size_t level = 0; level < 256; ++level) {
      map[c][level] = static_cast<std::uint8_t>(step == 0 ? static_cast<std::int64_t>(level)
                                                          : std::min<std::int64_t>(below / step, 255));
      below += counts[c][level];
    }
  }
  map_levels(clip, map);
}

double mean_grey(const ClipView& clip) {
  const Histogram counts = count_levels(clip);
  const std::array<double, 3> luma = {0.299, 0.587, 0.114};
  double sum = 0, pixels = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t level = 0; level < 256; ++level)
      sum += luma[c] * static_cast<double>(level) * static_cast<double>(counts[c][level]);
  }
  for (const std::int64_t n : counts[0]) pixels += static_cast<double>(n);
  return std::round(sum / pixels);
}

}  // namespace

const char* operation_name(Operation operation) {
  constexpr const char* kNames[kOperations] = {"autocontrast", "equalize",     "invert",  "rotate",      "posterize",
                                               "solarize",     "solarize_add", "colour",  "contrast",    "brightness",
                                               "sharpness",    "shear_x",      "shear_y", "translate_x", "translate_y"};
  return kNames[static_cast<std::size_t>(operation)];
}

std::vector<DrawnOperation> draw_operations(const RandAugment& options, Rng& rng) {
  std::vector<DrawnOperation> drawn;
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    const auto operation = static_cast<Operation>(rng.below(kOperations));
    const double magnitude = std::clamp(options.magnitude + options.deviation * rng.normal(), 0.0, kTop);
    const bool negative = rng.chance(0.5);
    if (rng.chance(options.probability)) drawn.push_back({operation, magnitude, negative});
  }
  return drawn;
}

void apply(const DrawnOperation& drawn, const ClipView& clip) {
  const double strength = drawn.magnitude / kTop, sign = drawn.negative ? -1 : 1;
  const double factor = std::max(0.1, 1 + sign * 0.9 * strength);
  switch (drawn.operation) {
    case Operation::kAutoContrast:
      return auto_contrast(clip);
    case Operation::kEqualize:
      return equalize(clip);
    case Operation::kInvert:
      return map_all(clip, [](int level) { return 255 - level; });
    case Operation::kRotate: {
      const double angle = sign * strength * std::numbers::pi / 6;
      return warp(clip, {std::cos(angle), -std::sin(angle), 0, std::sin(angle), std::cos(angle), 0});
    }
    case Operation::kPosterize: {
      const int bits = std::max(1, 4 - static_cast<int>(strength * 4));  // none would leave a black picture
      return map_all(clip, [mask = 256 - (1 << (8 - bits))](int level) { return level & mask; });
    }
    case Operation::kSolarize: {
      const int from = 256 - static_cast<int>(strength * 256);
      return map_all(clip, [from](int level) { return level < from ? level : 255 - level; });
    }
    case Operation::kSolarizeAdd: {
      const int added = static_cast<int>(strength * 110);
      return map_all(clip, [added](int level) { return level < 128 ? level + added : level; });
    }
    case Operation::kColour:
      return mix_colours(clip, saturation_matrix(factor));
    case Operation::kContrast: {
      const double mean = mean_grey(clip);
      return map_all(clip, [=](int level) { return mean + factor * (level - mean); });
    }
    case Operation::kBrightness:
      return map_all(clip, [=](int level) { return factor * level; });
    case Operation::kSharpness:
      return sharpen(clip, factor);
    case Operation::kShearX:
      return warp(clip, {1, sign * 0.3 * strength, 0, 0, 1, 0});
    case Operation::kShearY:
      return warp(clip, {1, 0, 0, sign * 0.3 * strength, 1, 0});
    case Operation::kTranslateX:
      return warp(clip, {1, 0, sign * 0.45 * strength * clip.width, 0, 1, 0});
    case Operation::kTranslateY:
      return warp(clip, {1, 0, 0, 0, 1, sign * 0.45 * strength * clip.height});
  }
}

}  // namespace trecvit
