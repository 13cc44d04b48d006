// The forms of forgetting attention by tiles for the warpgroups of Hopper.
#pragma once

#include <cuda_runtime.h>

#include "kernels/forgetting_attention/params.h"

namespace trecvit::kernels {

// D 64 and 128; on compute capability 9.0, in a build with code for 90a.
bool forgetting_attention_hopper_served(std::int64_t head_width);
void forgetting_attention_forward_hopper(const ForgettingAttentionForward<Bf16>& params, cudaStream_t stream);
void forgetting_attention_backward_hopper(const ForgettingAttentionBackward<Bf16>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
