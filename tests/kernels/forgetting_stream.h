// A stream of forgetting attention: its state, zeros at first, and random frames to feed it with.
#pragma once

#include <vector>

#include "forgetting_attention_problem.h"
#include "kernels/forgetting_attention/step.h"

namespace trecvit::kernels {

template <class S>
struct ForgettingStream {
  std::int64_t rows, heads, head_width, window;
  float bound;
  double allowed = kForgettingEps;
  std::vector<S> keys, values, out;
  std::vector<double> c, lost, worst;
  std::vector<std::int64_t> first, next;

  ForgettingStream(std::int64_t rows, std::int64_t heads, std::int64_t head_width, std::int64_t window, float bound)
      : rows(rows), heads(heads), head_width(head_width), window(window), bound(bound) {
    const std::int64_t cells = rows * heads;
    keys.resize(cells * window * head_width), values = keys, out.resize(cells * head_width);
    c.resize(cells * window), lost.resize(cells), worst.resize(cells), first.resize(cells), next.resize(cells);
  }
  // Arguments of a step, without the frame.
  ForgettingStep<S> arguments() {
    ForgettingStep<S> p{.rows = rows, .heads = heads, .head_width = head_width, .window = window};
    p.bound = bound, p.allowed = allowed, p.keys = keys.data(), p.values = values.data(), p.c = c.data();
    p.first = first.data(), p.next = next.data(), p.lost = lost.data(), p.worst = worst.data(), p.out = out.data();
    p.q_stride = p.k_stride = p.v_stride = heads * head_width;
    return p;
  }
  std::int64_t living() const {
    std::int64_t most = 0;
    for (std::size_t n = 0; n < first.size(); ++n) most = std::max(most, next[n] - first[n]);
    return most;
  }
};

// Largest |q k| / sqrt(D) that these can have.
inline float logit_bound(const ForgettingCase& s, const std::vector<double>& q, const std::vector<double>& k) {
  const auto longest = [&](const std::vector<double>& lines) {
    double most = 0;
    for (std::size_t n = 0; n < lines.size(); n += s.head_width) {
      double squares = 0;
      for (std::int64_t d = 0; d < s.head_width; ++d) squares += lines[n + d] * lines[n + d];
      most = std::max(most, squares);
    }
    return std::sqrt(most);
  };
  return static_cast<float>(longest(q) * longest(k) / std::sqrt(static_cast<double>(s.head_width)) * (1 + 1e-6));
}

}  // namespace trecvit::kernels
