// The RG-LRU in the plainest form, for any scalar: double, and complex<double> so that derivatives can be taken by a
// complex step. Every faster path is tested against this one. Formulas: params.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>

#include "kernels/rg_lru/params.h"

namespace trecvit::kernels::reference {

inline double real_part(double value) { return value; }
inline double real_part(const std::complex<double>& value) { return value.real(); }
inline double expm1_of(double value) { return std::expm1(value); }
inline std::complex<double> expm1_of(const std::complex<double>& value) { return std::exp(value) - 1.0; }
inline double log1p_of(double value) { return std::log1p(value); }
inline std::complex<double> log1p_of(const std::complex<double>& value) { return std::log(1.0 + value); }

template <class S>
S sigmoid(const S& value) {
  return 1.0 / (1.0 + std::exp(-value));
}

template <class S>
S softplus(const S& value) {
  return real_part(value) > 0 ? value + log1p_of(std::exp(-value)) : log1p_of(std::exp(value));
}

inline constexpr double kGeluInner = 0.7978845608028654;  // sqrt(2/pi)
inline constexpr double kGeluCubic = 0.044715;

template <class S>
S gelu_tanh(const S& y) {
  return 0.5 * y * (1.0 + std::tanh(kGeluInner * (y + kGeluCubic * y * y * y)));
}

template <class S>
S gelu_tanh_slope(const S& y) {
  const S t = std::tanh(kGeluInner * (y + kGeluCubic * y * y * y));
  return 0.5 * (1.0 + t) + 0.5 * y * (1.0 - t * t) * kGeluInner * (1.0 + 3.0 * kGeluCubic * y * y);
}

// d sqrt(u) / du is taken at no less than this u, so that it never exceeds 1000.
inline constexpr double kSqrtGradientFloor = 1.0 / (4.0 * 1000.0 * 1000.0);

template <class S>
struct RgLruGates {
  S i, r, log_a, a, u, m;  // u = 1 - a^2
};

template <class S>
RgLruGates<S> rg_lru_gates(const RgLruInputs<S>& p, std::int64_t at, std::int64_t channel, bool reset) {
  RgLruGates<S> g;
  g.i = sigmoid(p.input_logits[at] + p.input_bias[channel]);
  g.r = sigmoid(p.a_logits[at] + p.a_bias[channel]);
  g.log_a = -8.0 * g.r * softplus(p.a_param[channel]);
  g.u = -expm1_of(2.0 * g.log_a);
  g.a = reset ? S(0) : S(std::exp(g.log_a));
  g.m = reset ? S(1) : S(std::sqrt(g.u));
  return g;
}

template <class S>
void rg_lru_forward(const RgLruForward<S>& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const std::int64_t state_row = p.streams.state_row(row);
    for (std::int64_t c = 0; c < p.channels; ++c) {
      S h = p.h0 ? p.h0[state_row * p.channels + c] : S(0);
      for (std::int64_t t = 0; t < p.frames; ++t) {
        const std::int64_t line = t * p.rows + row, at = line * p.channels + c;
        const bool reset = p.reset && p.reset[line];
        const auto g = rg_lru_gates(p, at, c, reset);
        h = (reset ? S(0) : S(g.a * h)) + g.m * g.i * p.x[at];  // whatever h was, a reset forgets it
        if (p.h) p.h[at] = h;
        p.out[at] = p.y ? h * gelu_tanh(p.y[line * p.y_stride + c]) : h;
      }
      p.h_last[state_row * p.channels + c] = h;
    }
  }
}

template <class S>
void rg_lru_backward(const RgLruBackward<S>& p) {
  std::fill(p.dinput_bias, p.dinput_bias + p.channels, S(0));
  std::fill(p.da_bias, p.da_bias + p.channels, S(0));
  std::fill(p.da_param, p.da_param + p.channels, S(0));
  for (std::int64_t row = 0; row < p.rows; ++row) {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const std::int64_t cell = row * p.channels + c;
      S carry = p.dh_last ? p.dh_last[cell] : S(0);  // d/dh_t from everything after frame t
      for (std::int64_t t = p.frames - 1; t >= 0; --t) {
        const std::int64_t line = t * p.rows + row, at = line * p.channels + c;
        const bool reset = p.reset && p.reset[line];
        const auto g = rg_lru_gates(p, at, c, reset);
        S dh = p.dout[at];
        if (p.y) {
          const S y = p.y[line * p.y_stride + c];
          p.dy[line * p.dy_stride + c] = p.dout[at] * p.h[at] * gelu_tanh_slope(y);
          dh = p.dout[at] * gelu_tanh(y);
        }
        dh += carry;
        const S before = t > 0 ? p.h[at - p.rows * p.channels] : p.h0 ? p.h0[cell] : S(0);
        const S bounded = real_part(g.u) > kSqrtGradientFloor ? g.u : S(kSqrtGradientFloor);
        // u = 1 - a^2, so du/dlog_a = -2 a^2.
        const S dlog_a = reset ? S(0) : S(dh * before * g.a - dh * g.i * p.x[at] * g.a * g.a / std::sqrt(bounded));
        const S di = dh * g.m * p.x[at] * g.i * (1.0 - g.i);
        const S dr = dlog_a * -8.0 * softplus(p.a_param[c]) * g.r * (1.0 - g.r);
        p.dx[at] = dh * g.m * g.i;
        p.dinput_logits[at] = di;
        p.da_logits[at] = dr;
        p.dinput_bias[c] += di;
        p.da_bias[c] += dr;
        p.da_param[c] += dlog_a * g.r * -8.0 * sigmoid(p.a_param[c]);
        carry = dh * g.a;
      }
      p.dh0[cell] = carry;
    }
  }
}

}  // namespace trecvit::kernels::reference
