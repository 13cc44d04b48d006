// Norms of rows on CUDA devices of compute capability 7.5 and up: launchers that only enqueue work on `stream`.
// Deterministic.
#pragma once

#include <cuda_runtime.h>

#include "kernels/norm/params.h"

namespace trecvit::kernels {

// Elements that NormBackward::partials must have.
std::int64_t norm_partials_cuda(std::int64_t rows, std::int64_t channels);

// Io: float or Bf16.
template <class Io>
void norm_forward_cuda(const NormForward<Io>& params, cudaStream_t stream);
template <class Io>
void norm_backward_cuda(const NormBackward<Io>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
