// Spatial attention in bf16 on CUDA devices of compute capability 8.0 and up: launchers that only enqueue work on
// `stream`. Deterministic, without scratch.
#pragma once

#include <cuda_runtime.h>

#include "kernels/spatial_attention/params.h"

namespace trecvit::kernels {

// Whether the current device runs both kernels at this size: N <= 272, D 32 or 64, and enough shared memory (for
// N = 197 and D = 64: 106 KB, which A100 and H100 have).
bool spatial_attention_served_cuda(std::int64_t tokens, std::int64_t head_width);

// Pointers of bf16 tensors must be aligned to 16 bytes. InternalError: a size that is not served.
void spatial_attention_forward_cuda(const SpatialAttentionForward<Bf16>& params, cudaStream_t stream);
void spatial_attention_backward_cuda(const SpatialAttentionBackward<Bf16>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
