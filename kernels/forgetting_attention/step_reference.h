// A streaming step of forgetting attention in the plainest form. Formulas: step.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/forgetting_attention/step.h"

namespace trecvit::kernels::reference {

template <class S>
void forgetting_attention_step(const ForgettingStep<S>& p) {
  std::vector<S> weights(p.window);
  for (std::int64_t cell = 0; cell < p.rows * p.heads; ++cell) {
    const std::int64_t row = cell / p.heads, column = cell % p.heads * p.head_width, ring = cell * p.window;
    double* c = p.c + ring;
    const double c_now = enter_key(p.window, p.log_f[cell], p.bound, p.allowed, c, p.first[cell], p.next[cell],
                                   p.lost[cell], p.worst[cell], [](double x) { return std::exp(x); });
    const std::int64_t now = p.next[cell] - 1;
    c[now % p.window] = c_now;
    const auto line = [&](S* lines, std::int64_t key) { return lines + (ring + key % p.window) * p.head_width; };
    const S* q = p.q + row * p.q_stride + column;
    std::copy_n(p.k + row * p.k_stride + column, p.head_width, line(p.keys, now));
    std::copy_n(p.v + row * p.v_stride + column, p.head_width, line(p.values, now));
    S largest = -INFINITY, sum = 0;
    for (std::int64_t key = p.first[cell]; key <= now; ++key) {
      S logit = 0;
      for (std::int64_t d = 0; d < p.head_width; ++d) logit += q[d] * line(p.keys, key)[d];
      S& weight = weights[key % p.window];
      weight = logit / std::sqrt(static_cast<S>(p.head_width)) + (c[now % p.window] - c[key % p.window]);
      largest = std::max(largest, weight);
    }
    S* out = p.out + cell * p.head_width;
    std::fill_n(out, p.head_width, S(0));
    for (std::int64_t key = p.first[cell]; key <= now; ++key) {
      const S weight = std::exp(weights[key % p.window] - largest);
      sum += weight;
      for (std::int64_t d = 0; d < p.head_width; ++d) out[d] += weight * line(p.values, key)[d];
    }
    for (std::int64_t d = 0; d < p.head_width; ++d) out[d] /= sum;
  }
}

}  // namespace trecvit::kernels::reference
