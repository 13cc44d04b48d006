#include "data/transforms/mixing.h"

#include <algorithm>
#include <cmath>

namespace trecvit {
namespace {

// The logarithm, for small shapes give values below the smallest double. Marsaglia and Tsang, "A simple method for
// generating gamma variables", 2000.
double log_gamma_variable(double shape, Rng& rng) {
  if (shape < 1) return log_gamma_variable(shape + 1, rng) + std::log(1 - rng.uniform()) / shape;
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), v = 1 + c * x;
    if (v <= 0) continue;
    const double cube = v * v * v;
    if (std::log(1 - rng.uniform()) < 0.5 * x * x + d - d * cube + d * std::log(cube)) return std::log(d * cube);
  }
}

Rectangle draw_hole(double share, int height, int width, Rng& rng) {
  const double side = std::sqrt(share);
  const auto span = [&](int length, int& begin, int& size) {
    const int cut = static_cast<int>(length * side);
    const int centre = static_cast<int>(rng.below(length));
    begin = std::clamp(centre - cut / 2, 0, length);
    size = std::clamp(centre - cut / 2 + cut, 0, length) - begin;
  };
  Rectangle hole;
  span(height, hole.y, hole.height);
  span(width, hole.x, hole.width);
  return hole;
}

}  // namespace

double draw_beta(double alpha, Rng& rng) {
  const double a = log_gamma_variable(alpha, rng), b = log_gamma_variable(alpha, rng);
  return 1 / (1 + std::exp(b - a));
}

Mixing draw_mixing(const AugmentConfig& config, int height, int width, Rng& rng) {
  if (!config.enabled || (config.mixup <= 0 && config.cutmix <= 0) || !rng.chance(config.mix_prob)) return {};
  const bool either = config.mixup > 0 && config.cutmix > 0;
  Mixing mixing{.cut = either ? rng.chance(0.5) : config.cutmix > 0};
  mixing.weight = draw_beta(mixing.cut ? config.cutmix : config.mixup, rng);
  if (!mixing.cut) return mixing;
  mixing.hole = draw_hole(1 - mixing.weight, height, width, rng);
  mixing.weight =
      1 - static_cast<double>(mixing.hole.width) * mixing.hole.height / (static_cast<double>(height) * width);
  return mixing;
}

}  // namespace trecvit
