// Sums over the rows of a matrix: the gradient of a bias. sums[n] = sum over m of x[m, n], in fp32.
#pragma once

#include <cstdint>

#include "kernels/element.h"

namespace trecvit::kernels {

template <class Io>
struct ColumnSumsParams {
  std::int64_t rows = 0, columns = 0;  // M, N; both at least 1
  const Io* x = nullptr;               // [M, N], contiguous
  Wide<Io>* sums = nullptr;            // [N]
  Wide<Io>* partials = nullptr;        // scratch of the device's own size
};

}  // namespace trecvit::kernels
