#include "data/loader/preprocess.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace trecvit {

Crop evaluation_crop(std::int64_t crop, std::int64_t crops) {
  ensure(crop >= 0 && crop < crops, "crop ", crop, " of ", crops);
  const double place = crops == 1 ? 0.5 : static_cast<double>(crop) / static_cast<double>(crops - 1);
  return {.share = 1, .x = place, .y = place};
}

Augmentation draw_augmentation(const AugmentConfig& config, Rng& rng) {
  constexpr double kCropOverShort = 7.0 / 8.0;  // 224 of 256
  const double scale = rng.uniform(config.scale_min, config.scale_max);
  const double x = rng.uniform(), y = rng.uniform();
  const bool flip = rng.chance(0.5);
  const double brightness = rng.uniform(-config.brightness, config.brightness);
  const double contrast = rng.uniform(1 - config.contrast, 1 + config.contrast);
  if (!config.enabled) return {};
  return {
      .crop = {.share = std::min(1.0, kCropOverShort / scale), .x = x, .y = y, .flip = flip && config.flip != "none"},
      .brightness = brightness,
      .contrast = contrast};
}

void Preprocess::operator()(const video::Frame& frame, const Crop& crop, std::uint8_t* rgb) const {
  const double side = crop.share * std::min(frame.width, frame.height);
  const video::View view{.x = (frame.width - side) * crop.x,
                         .y = (frame.height - side) * crop.y,
                         .width = side,
                         .height = side,
                         .flip = crop.flip};
  video::convert(frame, view, size_, size_, rgb);
}

LightTable::LightTable(const Augmentation& augmentation)
    : neutral_(augmentation.brightness == 0 && augmentation.contrast == 1) {
  for (std::size_t level = 0; level < table_.size(); ++level) {
    const double value =
        (static_cast<double>(level) - 127.5) * augmentation.contrast + 127.5 + 255 * augmentation.brightness;
    table_[level] = static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
  }
}

void LightTable::apply(std::uint8_t* levels, std::size_t count) const {
  if (neutral_) return;
  for (std::size_t i = 0; i < count; ++i) levels[i] = table_[levels[i]];
}

}  // namespace trecvit
