// Random arguments for the forgetting attention kernels, and what the reference makes of them.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "fixtures.h"
#include "kernels/forgetting_attention/reference.h"

namespace trecvit::kernels {

struct ForgettingCase {
  std::int64_t rows = 1, heads = 1, head_width = 4, queries = 1, keys = 1;
  double gate_shift = 0;  // of the normal logits whose logsigmoid is log f; half the heads have 6 more
  float threshold = -INFINITY;
  std::int64_t gap = 0;  // elements between the lines of q, k, v and their gradients

  std::int64_t cells() const { return rows * heads; }
  std::int64_t line() const { return heads * head_width; }
};

inline std::string name_of(const ForgettingCase& c) {
  return "rows " + std::to_string(c.rows) + ", H " + std::to_string(c.heads) + ", D " + std::to_string(c.head_width) +
         ", M " + std::to_string(c.queries) + ", N " + std::to_string(c.keys) + ", threshold " +
         std::to_string(c.threshold) + (c.gap ? ", with gaps" : "");
}

// log sigmoid without loss on either side.
inline double log_sigmoid(double x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }

template <class Io>
struct ForgettingResults {
  std::vector<Io> out, dq, dk, dv;  // gradients with gaps, which nobody may write
  std::vector<Wide<Io>> lse, dlog_f;

  template <class F>
  void for_each(const F& f) const {
    f("out", out), f("lse", lse), f("dq", dq), f("dk", dk), f("dv", dv), f("dlog_f", dlog_f);
  }
};

template <class Io>
struct ForgettingProblem {
  ForgettingCase shape;
  Numbers<Io> q, k, v, dout;
  Numbers<float> log_f;

  explicit ForgettingProblem(const ForgettingCase& s, double spread = 1.0) : shape(s) {
    Rng rng(17);
    const std::int64_t line = s.rows * (s.line() + s.gap);
    q = random_numbers<Io>(s.queries * line, rng, spread);
    k = random_numbers<Io>(s.keys * line, rng, spread);
    v = random_numbers<Io>(s.keys * line, rng, 1.0);
    dout = random_numbers<Io>(s.queries * s.rows * s.line(), rng, 1.0);
    for (std::int64_t n = 0; n < s.keys * s.cells(); ++n) {
      const double logit = rng.normal() + s.gate_shift + (n % s.heads % 2 ? 6 : 0);
      log_f.io.push_back(static_cast<float>(log_sigmoid(logit)));
      log_f.exact.push_back(log_f.io.back());
    }
  }

  template <class S, class Pick>
  ForgettingAttentionInputs<S> inputs(const Pick& pick) const {
    ForgettingAttentionInputs<S> p;
    p.rows = shape.rows, p.heads = shape.heads, p.head_width = shape.head_width;
    p.queries = shape.queries, p.keys = shape.keys, p.threshold = shape.threshold;
    p.q = pick(q), p.k = pick(k), p.v = pick(v), p.log_f = pick(log_f);
    p.q_stride = p.k_stride = p.v_stride = shape.line() + shape.gap;
    return p;
  }

  // Answers of forward(ForgettingAttentionForward<S>) and backward(ForgettingAttentionBackward<S>).
  template <class S, class Forward, class Backward, class Pick>
  ForgettingResults<S> run(const Forward& forward, const Backward& backward, const Pick& pick) const {
    const std::int64_t line = shape.rows * (shape.line() + shape.gap);
    ForgettingResults<S> r;
    const auto blank = [](std::int64_t count) { return std::vector<S>(count, blank_element<S>()); };
    r.out = blank(shape.queries * shape.rows * shape.line());
    r.dq = blank(shape.queries * line), r.dk = blank(shape.keys * line), r.dv = blank(shape.keys * line);
    const auto wide_nan = blank_element<Wide<S>>();
    r.lse.assign(shape.cells() * shape.queries, wide_nan), r.dlog_f.assign(shape.keys * shape.cells(), wide_nan);
    ForgettingAttentionForward<S> f{inputs<S>(pick)};
    f.out = r.out.data(), f.lse = r.lse.data();
    forward(f);
    ForgettingAttentionBackward<S> b{inputs<S>(pick)};
    b.out = r.out.data(), b.lse = r.lse.data(), b.dout = pick(dout);
    b.dq = r.dq.data(), b.dk = r.dk.data(), b.dv = r.dv.data(), b.dlog_f = r.dlog_f.data();
    b.dq_stride = b.dk_stride = b.dv_stride = shape.line() + shape.gap;
    backward(b);
    return r;
  }

  ForgettingResults<double> reference() const {
    return run<double>([](const auto& p) { reference::forgetting_attention_forward(p); },
                       [](const auto& p) { reference::forgetting_attention_backward(p); },
                       [](const auto& numbers) { return numbers.exact.data(); });
  }

  template <class S>
  static S blank_element() {
    if constexpr (std::is_same_v<S, double>) {
      return std::numeric_limits<double>::quiet_NaN();
    } else {
      return from_double<S>(std::numeric_limits<double>::quiet_NaN());
    }
  }
};

inline double to_double(double value) { return value; }

// ||actual - expected|| / ||expected||, over what the reference has written. NaN where the other left something out,
// and where it wrote what the reference did not.
template <class Io>
double distance(const std::vector<Io>& actual, const std::vector<double>& expected) {
  double error = 0, size = 0;
  for (std::size_t n = 0; n < expected.size(); ++n) {
    const double value = to_double(actual[n]);
    if (std::isnan(expected[n])) {
      if (!std::isnan(value)) return std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    error += (value - expected[n]) * (value - expected[n]), size += expected[n] * expected[n];
  }
  return std::sqrt(error / std::fmax(size, 1e-300));
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

}  // namespace trecvit::kernels
