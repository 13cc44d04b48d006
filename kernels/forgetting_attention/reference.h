// Forgetting attention in the plainest form, for any scalar: double, and complex<double> so that derivatives can be
// taken by a complex step. Every faster path is tested against this one. Formulas: params.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "kernels/forgetting_attention/params.h"

namespace trecvit::kernels::reference {

// One row's head: c, and which pairs count.
template <class S>
class ForgettingCell {
 public:
  ForgettingCell(const ForgettingAttentionInputs<S>& p, std::int64_t row, std::int64_t head)
      : p_(p), row_(row), head_(head), c_(p.keys) {
    S sum = 0;
    for (std::int64_t t = 0; t < p.keys; ++t) c_[t] = sum += p.log_f[(t * p.rows + row) * p.heads + head];
  }

  // Where the line of position t begins, of tensors whose lines are `stride` apart.
  std::int64_t at(std::int64_t t, std::int64_t stride) const {
    return (t * p_.rows + row_) * stride + head_ * p_.head_width;
  }
  std::int64_t statistic(std::int64_t query) const { return (row_ * p_.heads + head_) * p_.queries + query; }

  bool tile_kept(std::int64_t query_tile, std::int64_t key_tile) const {
    const std::int64_t last_key = std::min((key_tile + 1) * kForgettingTile, p_.keys) - 1;
    return !(std::real(c_[p_.position(query_tile * kForgettingTile)] - c_[last_key]) < p_.threshold);
  }
  bool counts(std::int64_t query, std::int64_t key) const {
    return key <= p_.position(query) && tile_kept(query / kForgettingTile, key / kForgettingTile);
  }
  S decay(std::int64_t query, std::int64_t key) const { return c_[p_.position(query)] - c_[key]; }
  S logit(std::int64_t query, std::int64_t key) const {
    const S* q = p_.q + at(query, p_.q_stride);
    const S* k = p_.k + at(key, p_.k_stride);
    S sum = 0;
    for (std::int64_t d = 0; d < p_.head_width; ++d) sum += q[d] * k[d];
    return sum / std::sqrt(static_cast<double>(p_.head_width)) + decay(query, key);
  }

 private:
  const ForgettingAttentionInputs<S>& p_;
  std::int64_t row_, head_;
  std::vector<S> c_;
};

template <class S>
void forgetting_attention_forward(const ForgettingAttentionForward<S>& p) {
  std::vector<S> weights(p.keys);
  for (std::int64_t row = 0; row < p.rows; ++row) {
    for (std::int64_t head = 0; head < p.heads; ++head) {
      const ForgettingCell<S> cell(p, row, head);
      for (std::int64_t query = 0; query < p.queries; ++query) {
        double largest = -std::numeric_limits<double>::infinity();
        for (std::int64_t key = 0; key <= p.position(query); ++key) {
          if (!cell.counts(query, key)) continue;
          weights[key] = cell.logit(query, key);
          largest = std::max(largest, std::real(weights[key]));
        }
        S* out = p.out + cell.at(query, p.heads * p.head_width);
        std::fill(out, out + p.head_width, S(0));
        S sum = 0;
        for (std::int64_t key = 0; key <= p.position(query); ++key) {
          if (!cell.counts(query, key)) continue;
          const S weight = std::exp(weights[key] - largest);
          const S* v = p.v + cell.at(key, p.v_stride);
          sum += weight;
          for (std::int64_t d = 0; d < p.head_width; ++d) out[d] += weight * v[d];
        }
        for (std::int64_t d = 0; d < p.head_width; ++d) out[d] /= sum;
        if (p.lse) p.lse[cell.statistic(query)] = largest + std::log(sum);
      }
    }
  }
}

template <class S>
void forgetting_attention_backward(const ForgettingAttentionBackward<S>& p) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(p.head_width));
  const auto clear = [&](S* lines, std::int64_t count, std::int64_t stride) {
    for (std::int64_t line = 0; line < count * p.rows; ++line) {
      std::fill_n(lines + line * stride, p.heads * p.head_width, S(0));
    }
  };
  clear(p.dq, p.queries, p.dq_stride), clear(p.dk, p.keys, p.dk_stride), clear(p.dv, p.keys, p.dv_stride);
  for (std::int64_t row = 0; row < p.rows; ++row) {
    for (std::int64_t head = 0; head < p.heads; ++head) {
      const ForgettingCell<S> cell(p, row, head);
      std::vector<S> dc(p.keys, S(0));
      for (std::int64_t query = 0; query < p.queries; ++query) {
        const std::int64_t at_out = cell.at(query, p.heads * p.head_width), at_q = cell.at(query, p.q_stride);
        S* dq = p.dq + cell.at(query, p.dq_stride);
        S delta = 0;
        for (std::int64_t d = 0; d < p.head_width; ++d) delta += p.dout[at_out + d] * p.out[at_out + d];
        for (std::int64_t key = 0; key <= p.position(query); ++key) {
          if (!cell.counts(query, key)) continue;
          const std::int64_t at_k = cell.at(key, p.k_stride), at_v = cell.at(key, p.v_stride);
          S* dk = p.dk + cell.at(key, p.dk_stride);
          S* dv = p.dv + cell.at(key, p.dv_stride);
          const S weight = std::exp(cell.logit(query, key) - p.lse[cell.statistic(query)]);
          S dlogit = -delta;
          for (std::int64_t d = 0; d < p.head_width; ++d) dlogit += p.dout[at_out + d] * p.v[at_v + d];
          dlogit *= weight;
          dc[p.position(query)] += dlogit;
          dc[key] -= dlogit;
          for (std::int64_t d = 0; d < p.head_width; ++d) {
            dq[d] += scale * dlogit * p.k[at_k + d];
            dk[d] += scale * dlogit * p.q[at_q + d];
            dv[d] += weight * p.dout[at_out + d];
          }
        }
      }
      S sum = 0;
      for (std::int64_t t = p.keys - 1; t >= 0; --t) p.dlog_f[(t * p.rows + row) * p.heads + head] = sum += dc[t];
    }
  }
}

}  // namespace trecvit::kernels::reference
