// Spatial attention in bf16 on CUDA devices of compute capability 8.0 and up: launchers that only enqueue work on
// `stream`. Deterministic, without scratch.
#pragma once

#include <cuda_runtime.h>

#include "kernels/spatial_attention/params.h"

namespace trecvit::kernels {

// Whether the current device runs the kernel at this size: N <= 272; D 32, 64, 80, 96 or 128; and enough shared memory:
//
//   shared memory of a block   the most tokens forward, by D    backward
//   227 KB (9.0)               272                              272; D = 128: 224
//   163 KB (8.0)               272; D = 128: 200                272, 272, 224, 192, 160
//    99 KB (8.6, 8.9)          272, 272, 200, 200, 72           272, 192, 128, 112, 96
bool spatial_attention_forward_served_cuda(std::int64_t tokens, std::int64_t head_width);
bool spatial_attention_backward_served_cuda(std::int64_t tokens, std::int64_t head_width);

// Pointers of bf16 tensors must be aligned to 16 bytes. InternalError: a size that is not served.
// Forward may start early (Note [Early starts] in device.cuh).
void spatial_attention_forward_cuda(const SpatialAttentionForward<Bf16>& params, cudaStream_t stream);
void spatial_attention_backward_cuda(const SpatialAttentionBackward<Bf16>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
