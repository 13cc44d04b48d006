// Arguments of a matrix product, on every device:
//
//   D [M, N] = epilogue(A [M, K] B [K, N] + C [M, N])
//
// Matrices are row-major. Transposed, A lies in memory as [K, M], B as [N, K]. Sums are fp32. In is float or Bf16, Out
// the same or float.
#pragma once

#include <cstdint>

#include "kernels/element.h"

namespace trecvit::kernels {

enum class MatmulEpilogue {
  kNone,
  kBias,       // + bias[n]
  kBiasGelu,   // gelu_tanh(. + bias[n]); aux, unless it is null, receives the argument
  kGeluSlope,  // times the derivative of gelu_tanh at aux
};

template <class T>
struct Matrix {
  T* data = nullptr;
  std::int64_t stride = 0;        // elements from one row in memory to the next
  std::int64_t batch_stride = 0;  // elements from one product of a batch to the next
};

template <class In, class Out>
struct MatmulParams {
  std::int64_t batch = 1, rows = 0, columns = 0, inner = 0;  // independent products; M, N, K; all at least 1
  Matrix<const In> a, b;
  bool transpose_a = false, transpose_b = false;
  Matrix<const Out> c;  // null: zeros; may be d
  Matrix<Out> d;
  MatmulEpilogue epilogue = MatmulEpilogue::kNone;  // other than kNone: batch is 1
  const Out* bias = nullptr;                        // [N]
  Out* aux = nullptr;                               // [M, N], rows as far apart as those of d
  // B and the bias were there before the kernel in front on the stream began, and may be read before it has ended.
  bool weights_are_old = false;
};

}  // namespace trecvit::kernels
