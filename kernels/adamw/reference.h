// AdamW and the norm of its gradient in the plainest form.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/adamw/params.h"

namespace trecvit::kernels::reference {

// Writes norm[0]; one that is not finite stays as it is. A loss that is not finite makes it NaN.
template <class S>
void gradient_norm(const S* gradient, std::int64_t count, S loss, S* norm) {
  if (!std::isfinite(loss)) norm[0] = std::numeric_limits<S>::quiet_NaN();
  if (!std::isfinite(norm[0])) return;
  S sum = 0;
  for (std::int64_t n = 0; n < count; ++n) sum += gradient[n] * gradient[n];
  norm[0] = std::sqrt(sum);
}

template <class S>
void adamw(const AdamWParams<S>& p) {
  if (!std::isfinite(p.norm[0])) return;
  const S scale = p.clip > 0 && p.norm[0] > p.clip ? p.clip / p.norm[0] : 1;
  const double correction1 = 1 - std::pow(p.beta1, p.step), correction2 = 1 - std::pow(p.beta2, p.step);
  for (std::int64_t n = 0; n < p.count; ++n) {
    const S g = p.gradient[n] * scale;
    p.mean[n] += (1 - p.beta1) * (g - p.mean[n]);
    p.square[n] = p.beta2 * p.square[n] + (1 - p.beta2) * g * g;
    if (n < p.decayed) p.value[n] -= p.lr * p.weight_decay * p.value[n];
    p.value[n] -= p.lr / correction1 * p.mean[n] / (std::sqrt(p.square[n] / correction2) + p.epsilon);
  }
}

}  // namespace trecvit::kernels::reference
