// The matrix product in the plainest form.
#pragma once

#include <cmath>

#include "kernels/matmul/params.h"

namespace trecvit::kernels::reference {

// gelu_tanh(v) = v (1 + tanh(k (v + 0.044715 v^3))) / 2, k = sqrt(2 / pi), and its derivative.
template <class S>
S gelu(S v) {
  return v * (1 + std::tanh(S(0.7978845608028654) * (v + S(0.044715) * v * v * v))) / 2;
}
template <class S>
S gelu_slope(S v) {
  const S k = 0.7978845608028654, cubic = 0.044715, t = std::tanh(k * (v + cubic * v * v * v));
  return (1 + t) / 2 + v * (1 - t * t) / 2 * k * (1 + 3 * cubic * v * v);
}

template <class S>
void matmul(const MatmulParams<S, S>& p) {
  for (std::int64_t n = 0; n < p.batch; ++n) {
    const S *a = p.a.data + n * p.a.batch_stride, *b = p.b.data + n * p.b.batch_stride;
    for (std::int64_t i = 0; i < p.rows; ++i) {
      for (std::int64_t j = 0; j < p.columns; ++j) {
        S sum = p.c.data ? p.c.data[n * p.c.batch_stride + i * p.c.stride + j] : S(0);
        for (std::int64_t k = 0; k < p.inner; ++k) {
          sum += a[p.transpose_a ? k * p.a.stride + i : i * p.a.stride + k] *
                 b[p.transpose_b ? j * p.b.stride + k : k * p.b.stride + j];
        }
        const std::int64_t at = i * p.d.stride + j;
        if (p.epilogue == MatmulEpilogue::kBias || p.epilogue == MatmulEpilogue::kBiasGelu) sum += p.bias[j];
        if (p.epilogue == MatmulEpilogue::kBiasGelu) {
          if (p.aux) p.aux[at] = sum;
          sum = gelu(sum);
        }
        if (p.epilogue == MatmulEpilogue::kGeluSlope) sum *= gelu_slope(p.aux[at]);
        p.d.data[n * p.d.batch_stride + at] = sum;
      }
    }
  }
}

}  // namespace trecvit::kernels::reference
