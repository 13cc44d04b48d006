// Causal depthwise convolution on CUDA devices of compute capability 7.5 and up: launchers that only enqueue work on
// `stream`. Deterministic.
#pragma once

#include <cuda_runtime.h>

#include "kernels/causal_conv1d/params.h"

namespace trecvit::kernels {

// Elements that CausalConv1dBackward::partials must have.
template <class Io>
std::int64_t causal_conv1d_partials_cuda(const CausalConv1dBackward<Io>& params);

// Io: float or Bf16. T = 1 with state_out = state is a streaming step in place.
template <class Io>
void causal_conv1d_forward_cuda(const CausalConv1dForward<Io>& params, cudaStream_t stream);
template <class Io>
void causal_conv1d_backward_cuda(const CausalConv1dBackward<Io>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
