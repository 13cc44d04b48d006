// The causal convolution in the plainest form, for any scalar. Every faster path is tested against this one.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/causal_conv1d/params.h"

namespace trecvit::kernels::reference {

// State and frames as one sequence of length T + 3, so that out_t = b + sum_k w[k] * sequence[t + k].
template <class S>
S conv_input(const CausalConv1dInputs<S>& p, std::int64_t at, std::int64_t row, std::int64_t c) {
  if (at >= kConvState) return p.z[((at - kConvState) * p.rows + row) * p.z_stride + c];
  return p.state ? p.state[(p.streams.state_row(row) * kConvState + conv_line(p.streams.oldest_line(row, kConvState), at)) * p.channels + c] : S(0);
}

template <class S>
void causal_conv1d_forward(const CausalConv1dForward<S>& p) {
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const std::int64_t state_row = p.streams.state_row(row);
    const int oldest = p.streams.oldest_line(row, kConvState, p.frames);
    for (std::int64_t c = 0; c < p.channels; ++c) {
      for (std::int64_t t = 0; t < p.frames; ++t) {
        S sum = p.b[c];
        for (std::int64_t k = 0; k < kConvWidth; ++k) sum += p.w[k * p.channels + c] * conv_input(p, t + k, row, c);
        p.out[(t * p.rows + row) * p.channels + c] = sum;
      }
      S last[kConvState];
      for (std::int64_t j = 0; j < kConvState; ++j) last[j] = conv_input(p, p.frames + j, row, c);
      for (std::int64_t j = 0; j < kConvState; ++j) {
        p.state_out[(state_row * kConvState + conv_line(oldest, j)) * p.channels + c] = last[j];
      }
    }
  }
}

template <class S>
void causal_conv1d_backward(const CausalConv1dBackward<S>& p) {
  std::fill(p.dw, p.dw + kConvWidth * p.channels, S(0));
  std::fill(p.db, p.db + p.channels, S(0));
  std::vector<S> gradient(p.frames + kConvState);  // of the sequence that conv_input() reads
  for (std::int64_t row = 0; row < p.rows; ++row) {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      std::fill(gradient.begin(), gradient.end(), S(0));
      for (std::int64_t j = 0; p.dstate_out && j < kConvState; ++j) {
        gradient[p.frames + j] = p.dstate_out[(row * kConvState + j) * p.channels + c];
      }
      for (std::int64_t t = 0; t < p.frames; ++t) {
        const S d = p.dout[(t * p.rows + row) * p.channels + c];
        p.db[c] += d;
        for (std::int64_t k = 0; k < kConvWidth; ++k) {
          p.dw[k * p.channels + c] += d * conv_input(p, t + k, row, c);
          gradient[t + k] += d * p.w[k * p.channels + c];
        }
      }
      for (std::int64_t t = 0; t < p.frames; ++t) {
        p.dz[(t * p.rows + row) * p.dz_stride + c] = gradient[t + kConvState];
      }
      for (std::int64_t j = 0; p.dstate && j < kConvState; ++j) {
        p.dstate[(row * kConvState + j) * p.channels + c] = gradient[j];
      }
    }
  }
}

}  // namespace trecvit::kernels::reference
