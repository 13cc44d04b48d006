// The form of spatial attention forward for the warpgroups of Hopper. It gives the same bits as the other one.
#pragma once

#include <cuda_runtime.h>

#include "kernels/spatial_attention/params.h"

namespace trecvit::kernels {

// D 64 and N > 48, where this is the faster one; on compute capability 9.0, in a build with code for 90a.
bool spatial_attention_hopper_served(std::int64_t tokens, std::int64_t head_width);
void spatial_attention_forward_hopper(const SpatialAttentionForward<Bf16>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
