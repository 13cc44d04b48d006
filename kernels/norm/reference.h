// The norms in the plainest form. Every faster path is tested against this one.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/norm/params.h"

namespace trecvit::kernels::reference {

// The factor of a normalised value.
template <class S>
S norm_factor(const NormInputs<S>& p, std::int64_t c) {
  return p.kind == NormKind::kRms ? 1 + p.scale[c] : p.scale[c];
}

template <class S>
void norm_forward(const NormForward<S>& p) {
  const auto count = static_cast<S>(p.channels);
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const S* x = p.x + row * p.channels;
    S mean = 0, squares = 0;
    if (p.kind == NormKind::kLayer) {
      for (std::int64_t c = 0; c < p.channels; ++c) mean += x[c] / count;
    }
    for (std::int64_t c = 0; c < p.channels; ++c) squares += (x[c] - mean) * (x[c] - mean);
    const S inverse = 1 / std::sqrt(squares / count + kNormEpsilon);
    if (p.mean) p.mean[row] = mean;
    if (p.inverse) p.inverse[row] = inverse;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      p.y[row * p.channels + c] = (x[c] - mean) * inverse * norm_factor(p, c) + (p.bias ? p.bias[c] : S(0));
    }
  }
}

// With n = (x - mean) inverse and g = dy factor:   dx = inverse (g - n mean(g n)) for kRms, and less inverse mean(g)
// for kLayer, whose mean depends on x too;   dscale = sum over rows of dy n;   dbias = sum over rows of dy.
template <class S>
void norm_backward(const NormBackward<S>& p) {
  const auto count = static_cast<S>(p.channels);
  const bool layer = p.kind == NormKind::kLayer;
  std::fill(p.dscale, p.dscale + p.channels, S(0));
  if (layer) std::fill(p.dbias, p.dbias + p.channels, S(0));
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const std::int64_t at = row * p.channels;
    const S inverse = p.inverse[row], mean = layer ? p.mean[row] : S(0);
    const auto normal = [&](std::int64_t c) { return (p.x[at + c] - mean) * inverse; };
    S along = 0, level = 0;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const S g = p.dy[at + c] * norm_factor(p, c);
      along += g * normal(c) / count;
      if (layer) level += g / count;
      p.dscale[c] += p.dy[at + c] * normal(c);
      if (layer) p.dbias[c] += p.dy[at + c];
    }
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const S n = normal(c), dy = p.dy[at + c], skip = p.dskip ? p.dskip[at + c] : S(0);
      if (p.y) p.y[at + c] = n * norm_factor(p, c) + (p.bias ? p.bias[c] : S(0));
      p.dx[at + c] = skip + inverse * (dy * norm_factor(p, c) - level - n * along);
    }
  }
}

}  // namespace trecvit::kernels::reference
