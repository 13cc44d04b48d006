// Spatial attention in the plainest form, for any scalar: double, and complex<double> so that derivatives can be taken
// by a complex step. The CUDA kernels are tested against this one. Formulas: params.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "kernels/spatial_attention/params.h"

namespace trecvit::kernels::reference {

// Element (token, which of q k v, 0) of a frame's head.
template <class S>
std::int64_t packed_at(const SpatialAttentionInputs<S>& p, std::int64_t frame, std::int64_t head, std::int64_t token,
                       std::int64_t which) {
  return (((frame * p.tokens + token) * 3 + which) * p.heads + head) * p.head_width;
}

template <class S>
S dot(const S* a, const S* b, std::int64_t count) {
  S sum = 0;
  for (std::int64_t d = 0; d < count; ++d) sum += a[d] * b[d];
  return sum;
}

template <class S>
void spatial_attention_forward(const SpatialAttentionForward<S>& p) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(p.head_width));
  std::vector<S> weights(p.tokens);
  for (std::int64_t frame = 0; frame < p.frames; ++frame) {
    for (std::int64_t head = 0; head < p.heads; ++head) {
      for (std::int64_t query = 0; query < p.tokens; ++query) {
        const S* q = p.qkv + packed_at(p, frame, head, query, 0);
        double largest = -INFINITY;
        for (std::int64_t key = 0; key < p.tokens; ++key) {
          weights[key] = scale * dot(q, p.qkv + packed_at(p, frame, head, key, 1), p.head_width);
          largest = std::max(largest, std::real(weights[key]));
        }
        S sum = 0;
        for (S& weight : weights) sum += weight = std::exp(weight - largest);
        if (p.lse) p.lse[(frame * p.heads + head) * p.tokens + query] = largest + std::log(sum);
        S* out = p.out + ((frame * p.tokens + query) * p.heads + head) * p.head_width;
        std::fill(out, out + p.head_width, S(0));
        for (std::int64_t key = 0; key < p.tokens; ++key) {
          const S* v = p.qkv + packed_at(p, frame, head, key, 2);
          for (std::int64_t d = 0; d < p.head_width; ++d) out[d] += weights[key] / sum * v[d];
        }
      }
    }
  }
}

template <class S>
void spatial_attention_backward(const SpatialAttentionBackward<S>& p) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(p.head_width));
  std::fill(p.dqkv, p.dqkv + p.frames * p.tokens * 3 * p.heads * p.head_width, S(0));
  for (std::int64_t frame = 0; frame < p.frames; ++frame) {
    for (std::int64_t head = 0; head < p.heads; ++head) {
      for (std::int64_t query = 0; query < p.tokens; ++query) {
        const std::int64_t at = ((frame * p.tokens + query) * p.heads + head) * p.head_width;
        const std::int64_t q = packed_at(p, frame, head, query, 0);
        const S delta = dot(p.dout + at, p.out + at, p.head_width);
        for (std::int64_t key = 0; key < p.tokens; ++key) {
          const std::int64_t k = packed_at(p, frame, head, key, 1), v = packed_at(p, frame, head, key, 2);
          const S logit = scale * dot(p.qkv + q, p.qkv + k, p.head_width);
          const S weight = std::exp(logit - p.lse[(frame * p.heads + head) * p.tokens + query]);
          const S dlogit = scale * weight * (dot(p.dout + at, p.qkv + v, p.head_width) - delta);
          for (std::int64_t d = 0; d < p.head_width; ++d) {
            p.dqkv[q + d] += dlogit * p.qkv[k + d];
            p.dqkv[k + d] += dlogit * p.qkv[q + d];
            p.dqkv[v + d] += weight * p.dout[at + d];
          }
        }
      }
    }
  }
}

}  // namespace trecvit::kernels::reference
