// Forgetting attention on CUDA devices: launchers that only enqueue work on `stream`. Deterministic, without atomics.
#pragma once

#include <cuda_runtime.h>

#include "kernels/forgetting_attention/params.h"
#include "kernels/forgetting_attention/step.h"

namespace trecvit::kernels {

// Whether the current device has kernels for this: D 16, 32, 64 or 128; fp32, or bf16 from compute capability 8.0 on;
// and enough shared memory (fp32 forward and backward: 101 and 135 KB of a block for D 128, 52 and 70 KB for D 64).
template <class Io>
bool forgetting_attention_served_cuda(std::int64_t head_width, bool backward);

// Bytes of `decays` and of Backward::scratch. decays are filled first, serve forward and backward alike, and are none
// where the whole sequence is one tile.
template <class Io>
std::int64_t forgetting_decays_bytes_cuda(const ForgettingAttentionInputs<Io>& params);
template <class Io>
std::int64_t forgetting_backward_bytes_cuda(const ForgettingAttentionInputs<Io>& params);
template <class Io>
void forgetting_decays_cuda(const ForgettingAttentionInputs<Io>& params, void* decays, cudaStream_t stream);

// Io: float or Bf16. Lines must begin at multiples of 16 bytes. InternalError: a width that is not served.
template <class Io>
void forgetting_attention_forward_cuda(const ForgettingAttentionForward<Io>& params, cudaStream_t stream);
template <class Io>
void forgetting_attention_backward_cuda(const ForgettingAttentionBackward<Io>& params, cudaStream_t stream);

// D up to 128 that divides by 16 bytes; lines of q, k, v and of the rings begin at multiples of 16 bytes. May be
// captured into a graph.
template <class Io>
void forgetting_attention_step_cuda(const ForgettingStep<Io>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
