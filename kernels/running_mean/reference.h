// The running mean in the plainest form.
#pragma once

#include <cmath>

#include "kernels/running_mean/params.h"

namespace trecvit::kernels::reference {

// `round` is what Io does to a feature.
template <class Round>
void running_mean(const RunningMean<double>& p, const Round& round) {
  const std::int64_t all = p.streams * p.width;
  for (std::int64_t t = 0; t < p.frames; ++t) {
    for (std::int64_t at = 0; at < all; ++at) {
      p.out[t * all + at] = round(std::tanh(p.x[t * all + at]));
      p.sum[p.sum_at(at)] += p.out[t * all + at];
    }
  }
  for (std::int64_t at = 0; at < all; ++at) {
    p.mean[at] = round(p.sum[p.sum_at(at)] / p.count(at));
  }
}

}  // namespace trecvit::kernels::reference
