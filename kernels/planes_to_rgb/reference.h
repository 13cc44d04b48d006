// Conversion in the plainest form: the definition, in two nested sums.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/planes_to_rgb/params.h"

namespace trecvit::kernels::reference {

// Output pixel k of an axis of `samples` samples takes `weight` of sample j.
struct Tap {
  std::int64_t first = 0, last = 0;  // first <= j < last
  double centre = 0, half_width = 1, sum = 0;

  Tap(const ConvertAxis& axis, std::int64_t samples, std::int64_t k)
      : centre(axis.start + (static_cast<double>(k) + 0.5) * axis.step), half_width(std::max(1.0, axis.step)) {
    const auto clamped = [](double at, std::int64_t low, std::int64_t high) {
      return std::clamp(static_cast<std::int64_t>(at), low, high);
    };
    first = clamped(std::floor(centre - half_width), 0, samples - 1);
    last = clamped(std::ceil(centre + half_width), first + 1, samples);
    for (std::int64_t j = first; j < last; ++j) sum += height(j);
  }
  // A sample at or beyond the edge stands for everything there.
  double weight(std::int64_t j) const { return sum > 0 ? height(j) / sum : 1.0 / static_cast<double>(last - first); }

 private:
  double height(std::int64_t j) const {
    return std::max(0.0, 1 - std::abs(static_cast<double>(j) + 0.5 - centre) / half_width);
  }
};

inline double sample(const std::uint8_t* at, bool wide) { return wide ? at[0] | at[1] << 8 : at[0]; }

inline void convert(const ConvertParams& p) {
  for (std::int64_t n = 0; n < p.pictures; ++n) {
    const ConvertPicture& picture = p.picture[n];
    for (std::int64_t y = 0; y < picture.rows; ++y)
      for (std::int64_t x = 0; x < picture.columns; ++x) {
        double part[3] = {};
        for (int c = 0; c < picture.components; ++c) {
          const ConvertComponent& from = picture.component[c];
          const Tap horizontal(from.horizontal, from.width, x), vertical(from.vertical, from.height, y);
          for (std::int64_t j = vertical.first; j < vertical.last; ++j)
            for (std::int64_t i = horizontal.first; i < horizontal.last; ++i) {
              const std::uint8_t* at = p.samples + from.at + j * from.stride + i * from.spacing;
              part[c] += vertical.weight(j) * horizontal.weight(i) * sample(at, from.wide != 0);
            }
        }
        const std::int64_t pixel = picture.origin + x * picture.column_step + y * picture.row_step;
        for (int c = 0; c < 3; ++c) {
          double level = picture.offset[c];
          for (int k = 0; k < 3; ++k) level += picture.matrix[c][k] * part[k];
          p.rgb[(n * p.height * p.width + pixel) * 3 + c] =
              static_cast<std::uint8_t>(std::clamp(level + 0.5, 0.0, 255.0));
        }
      }
  }
}

}  // namespace trecvit::kernels::reference
