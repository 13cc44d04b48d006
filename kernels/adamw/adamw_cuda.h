// AdamW on CUDA devices of compute capability 7.5 and up: launchers that only enqueue work on `stream`. Deterministic.
#pragma once

#include <cuda_runtime.h>

#include "kernels/adamw/params.h"

namespace trecvit::kernels {

// norm[0] = the L2 norm of gradient [count], unless norm[0] is not finite, which it then stays; NaN where loss[0] is
// not finite. partials: elements of gradient_norm_partials_cuda().
std::int64_t gradient_norm_partials_cuda();
void gradient_norm_cuda(const float* gradient, std::int64_t count, const float* loss, float* partials, float* norm,
                        cudaStream_t stream);

// Reads the norm on the device; nothing comes back to the host.
void adamw_cuda(const AdamWParams<float>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
