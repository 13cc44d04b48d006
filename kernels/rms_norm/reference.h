// RMSNorm in the plainest form. Every faster path is tested against this one.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/rms_norm/params.h"

namespace trecvit::kernels::reference {

template <class S>
void rms_norm_forward(const RmsNormForward<S>& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const S* x = p.x + row * p.channels;
    S sum = 0;
    for (std::int64_t c = 0; c < p.channels; ++c) sum += x[c] * x[c];
    const S inverse = 1 / std::sqrt(sum / static_cast<S>(p.channels) + kRmsNormEpsilon);
    if (p.inverse) p.inverse[row] = inverse;
    for (std::int64_t c = 0; c < p.channels; ++c) p.y[row * p.channels + c] = x[c] * inverse * (1 + p.scale[c]);
  }
}

// With g = dy (1 + scale) and n = x * inverse:   dx = inverse (g - n mean(g n)),   dscale = sum over rows of dy n.
template <class S>
void rms_norm_backward(const RmsNormBackward<S>& p) {
  std::fill(p.dscale, p.dscale + p.channels, S(0));
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const std::int64_t at = row * p.channels;
    const S inverse = p.inverse[row];
    S dot = 0;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const S normal = p.x[at + c] * inverse;
      dot += p.dy[at + c] * (1 + p.scale[c]) * normal;
      p.dscale[c] += p.dy[at + c] * normal;
    }
    const S mean = dot / static_cast<S>(p.channels);
    for (std::int64_t c = 0; c < p.channels; ++c) {
      p.dx[at + c] = inverse * (p.dy[at + c] * (1 + p.scale[c]) - p.x[at + c] * inverse * mean);
    }
  }
}

}  // namespace trecvit::kernels::reference
