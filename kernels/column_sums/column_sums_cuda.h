// Column sums on CUDA devices of compute capability 7.5 and up: launchers that only enqueue work on `stream`.
// Deterministic.
#pragma once

#include <cuda_runtime.h>

#include "kernels/column_sums/params.h"

namespace trecvit::kernels {

// Elements that ColumnSumsParams::partials must have.
std::int64_t column_sums_partials_cuda(std::int64_t rows, std::int64_t columns);

// Io: float or Bf16.
template <class Io>
void column_sums_cuda(const ColumnSumsParams<Io>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
