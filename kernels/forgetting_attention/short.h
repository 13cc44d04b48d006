// The form of forgetting attention for sequences that are one tile: a warp has a whole sequence of one head, so that
// thousands of them are limited by memory alone. bf16, compute capability 8.0 and up.
#pragma once

#include <cuda_runtime.h>

#include <type_traits>

#include "kernels/forgetting_attention/params.h"

namespace trecvit::kernels {

// The one rule between the forms.
template <class Io>
bool forgetting_attention_is_short(const ForgettingAttentionInputs<Io>& p) {
  return std::is_same_v<Io, Bf16> && p.keys <= kForgettingTile;
}

void forgetting_attention_forward_short(const ForgettingAttentionForward<Bf16>& params, cudaStream_t stream);
void forgetting_attention_backward_short(const ForgettingAttentionBackward<Bf16>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
