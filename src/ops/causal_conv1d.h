// Causal depthwise convolution over time, width 4, with the state that lets a stream continue (Griffin's conv1d).
#pragma once

#include "ops/stream_positions.h"

namespace trecvit::ops {

struct CausalConv1dResult {
  at::Tensor out;    // [T, rows, R], contiguous, dtype of x
  at::Tensor state;  // [rows, 3, R], dtype of x: the last three inputs, oldest first
};

// out_t = b + sum_{s=0..3} w[3-s] * x_{t-s}; frames before x come from `state` (undefined: zeros).
// x [T, rows, R] fp32, bf16 or (CPU only) fp64, rows may be strided; w [4, R] and b [R] fp32 (fp64 with fp64 x); state
// [rows, 3, R] of x's dtype. Sums are fp32. Differentiable once in all four; deterministic.
// Error: shapes, dtypes or devices that do not fit; T = 0; CUDA tensors in a build without CUDA.
CausalConv1dResult causal_conv1d(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b,
                                 const at::Tensor& state);

// The same without a gradient; the new state overwrites `state`, which must be contiguous. Returns out.
at::Tensor causal_conv1d_step(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, at::Tensor state);

// The parts without a graph, for ops that hold the convolution within. The new state goes to `state_out`, which may be
// `state`; undefined: a new tensor. With `positions` of streams the states, which are then one and the same tensor
// [S*N, 3, R], are rings (kernels/causal_conv1d/params.h); otherwise they are in order.
CausalConv1dResult causal_conv1d_forward(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b,
                                         const at::Tensor& state, const at::Tensor& state_out = {},
                                         const StreamPositions& positions = {});
struct CausalConv1dGradients {
  at::Tensor x, w, b, state;  // state: undefined unless there is one
};
// dout contiguous, as dstate_out, which may be undefined. `dx`: where the gradient of x goes, rows may be strided;
// undefined: a new tensor.
CausalConv1dGradients causal_conv1d_backward(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b,
                                             const at::Tensor& state, const at::Tensor& dout,
                                             const at::Tensor& dstate_out, const at::Tensor& dx = {});

}  // namespace trecvit::ops
