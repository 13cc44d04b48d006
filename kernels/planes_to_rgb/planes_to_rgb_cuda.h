// Conversion on CUDA devices of compute capability 7.5 and up: only enqueues work on `stream`.
#pragma once

#include <cuda_runtime.h>

#include "kernels/planes_to_rgb/params.h"

namespace trecvit::kernels {

// All pointers are device memory. Saves nothing: there is no gradient.
void convert_cuda(const ConvertParams& params, cudaStream_t stream);

}  // namespace trecvit::kernels
