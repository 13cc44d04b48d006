// RMSNorm on CUDA devices of compute capability 8.0 and up: launchers that only enqueue work on `stream`.
// Deterministic.
#pragma once

#include <cuda_runtime.h>

#include "kernels/rms_norm/params.h"

namespace trecvit::kernels {

// Elements that RmsNormBackward::partials must have.
std::int64_t rms_norm_partials_cuda(std::int64_t rows, std::int64_t channels);

// Io: float or Bf16.
template <class Io>
void rms_norm_forward_cuda(const RmsNormForward<Io>& params, cudaStream_t stream);
template <class Io>
void rms_norm_backward_cuda(const RmsNormBackward<Io>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
