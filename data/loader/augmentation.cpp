#include "data/loader/augmentation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace trecvit {
namespace {

// Every part gets numbers of its own.
Rng part_of(Rng& rng) { return Rng((std::uint64_t{rng.bits()} << 32) | rng.bits(), rng.bits()); }

// ViViT's recipe: short side to 8/7 of the size times a factor, then a crop of the size.
Crop draw_jitter(const AugmentConfig& config, Rng rng) {
  constexpr double kCropOverShort = 7.0 / 8.0;  // 224 of 256
  const double side = std::min(1.0, kCropOverShort / rng.uniform(config.scale_min, config.scale_max));
  const double x = rng.uniform(), y = rng.uniform();
  return {.width = side, .height = side, .x = x, .y = y};
}

// Inception's crop (Szegedy et al., "Going deeper with convolutions", 2015): ten tries, as torchvision's
// RandomResizedCrop.
Crop draw_resized(const AugmentConfig& config, Rng rng) {
  constexpr int kTries = 10;
  Crop crop{.x = rng.uniform(), .y = rng.uniform()};
  const double log_aspect = std::log(config.aspect_max);
  for (int i = 0; i < kTries; ++i) {
    const double area = rng.uniform(config.area_min, 1);
    crop.shapes.push_back({.area = area, .aspect = std::exp(rng.uniform(-log_aspect, log_aspect))});
  }
  return crop;
}

// Temporal segment networks (Wang et al., 2016): both sides from four scales at most one apart; corners, edges, centre,
// and the points half-way from the centre to the corners.
Crop draw_multi_scale(Rng rng) {
  constexpr std::array<double, 4> kScales = {1, 0.875, 0.75, 0.66};
  constexpr std::array<std::array<std::size_t, 2>, 10> kPairs = {
      {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {1, 2}, {2, 1}, {2, 2}, {2, 3}, {3, 2}, {3, 3}}};
  constexpr std::array<std::array<double, 2>, 13> kPlaces = {{{0, 0},
                                                              {1, 0},
                                                              {0, 1},
                                                              {1, 1},
                                                              {0.5, 0.5},
                                                              {0, 0.5},
                                                              {1, 0.5},
                                                              {0.5, 1},
                                                              {0.5, 0},
                                                              {0.25, 0.25},
                                                              {0.75, 0.25},
                                                              {0.25, 0.75},
                                                              {0.75, 0.75}}};
  const auto& pair = kPairs[static_cast<std::size_t>(rng.below(std::ssize(kPairs)))];
  const auto& place = kPlaces[static_cast<std::size_t>(rng.below(std::ssize(kPlaces)))];
  return {.width = kScales[pair[0]], .height = kScales[pair[1]], .x = place[0], .y = place[1]};
}

Crop draw_crop(const AugmentConfig& config, Rng rng) {
  if (config.crop == "resized") return draw_resized(config, rng);
  return config.crop == "multi_scale" ? draw_multi_scale(rng) : draw_jitter(config, rng);
}

std::optional<ColourMatrix> draw_colours(const AugmentConfig& config, Rng rng) {
  const double saturation = rng.uniform(1 - config.saturation, 1 + config.saturation);
  const double turns = rng.uniform(-config.hue, config.hue);
  if (rng.chance(config.grey)) return saturation_matrix(0);
  if (config.saturation == 0 && config.hue == 0) return std::nullopt;
  return product(saturation_matrix(saturation), hue_matrix(turns));
}

// Zhong et al., "Random erasing data augmentation", 2017: 1/50 to 1/3 of the area, aspect 0.3 to 1/0.3, ten tries.
std::optional<Rectangle> draw_erased(const AugmentConfig& config, int size, Rng& rng) {
  constexpr int kTries = 10;
  if (!rng.chance(config.erase)) return std::nullopt;
  for (int i = 0; i < kTries; ++i) {
    const double area = rng.uniform(1.0 / 50, 1.0 / 3) * size * size;
    const double aspect = std::exp(rng.uniform(std::log(0.3), -std::log(0.3)));
    const auto width = static_cast<int>(std::lround(std::sqrt(area * aspect)));
    const auto height = static_cast<int>(std::lround(std::sqrt(area / aspect)));
    const auto x = rng.below(std::max(1, size - width + 1)), y = rng.below(std::max(1, size - height + 1));
    if (width <= size && height <= size) return Rectangle{static_cast<int>(x), static_cast<int>(y), width, height};
  }
  return std::nullopt;
}

LevelMap light(double brightness, double contrast) {
  LevelMap map;
  for (int level = 0; level < 256; ++level) {
    const double value = (level - 127.5) * contrast + 127.5 + 255 * brightness;
    for (auto& channel : map)
      channel[static_cast<std::size_t>(level)] = static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
  }
  return map;
}

}  // namespace

Augmentation draw_augmentation(const AugmentConfig& config, int size, Rng& rng) {
  if (!config.enabled) return {};
  Augmentation drawn;
  Rng crop = part_of(rng), flip = part_of(rng), lights = part_of(rng), colours = part_of(rng), layers = part_of(rng);
  drawn.noise = part_of(rng);
  drawn.crop = draw_crop(config, crop);
  drawn.crop.flip = flip.chance(0.5) && config.flip != "none";
  drawn.brightness = lights.uniform(-config.brightness, config.brightness);
  drawn.contrast = lights.uniform(1 - config.contrast, 1 + config.contrast);
  drawn.colours = draw_colours(config, colours);
  drawn.operations = draw_operations({.layers = config.rand_augment,
                                      .magnitude = config.rand_magnitude,
                                      .deviation = config.rand_std,
                                      .probability = config.rand_prob},
                                     layers);
  drawn.erased = draw_erased(config, size, drawn.noise);
  return drawn;
}

bool changes_pixels(const AugmentConfig& config) {
  return config.enabled && (config.brightness > 0 || config.contrast > 0 || config.saturation > 0 || config.hue > 0 ||
                            config.grey > 0 || config.rand_augment > 0 || config.erase > 0);
}

void augment_clip(const Augmentation& augmentation, const ClipView& clip) {
  if (augmentation.brightness != 0 || augmentation.contrast != 1) {
    map_levels(clip, light(augmentation.brightness, augmentation.contrast));
  }
  if (augmentation.colours) mix_colours(clip, *augmentation.colours);
  for (const DrawnOperation& drawn : augmentation.operations) apply(drawn, clip);
  if (augmentation.erased) {
    Rng noise = augmentation.noise;
    fill_with_noise(clip, *augmentation.erased, noise);
  }
}

}  // namespace trecvit
