// What lies between the two linear maps of a recurrent block (Griffin, arXiv 2402.19427, section 2.3): the causal
// convolution of one branch, the RG-LRU behind it, and the gating by the other branch. One op, so that on the way back
// the gradients of both branches are written side by side and those that meet are added by the products that make them.
// Letters: T frames, rows = B*N sequences, R channels, H blocks of the gates, D = R/H.
#pragma once

#include "ops/linear.h"

namespace trecvit::ops {

struct RecurrentUnitArgs {
  at::Tensor both;         // [T, rows, 2R] fp32, bf16 or (CPU only) fp64: linear_x | linear_y
  at::Tensor conv_w;       // [4, R] fp32 (fp64), as all parameters
  at::Tensor conv_b;       // [R]
  Weight input_gate;       // [H, D, D]
  Weight a_gate;           // [H, D, D]
  at::Tensor input_bias;   // [R]
  at::Tensor a_bias;       // [R]
  at::Tensor a_param;      // [R]
  at::Tensor conv_state;   // [rows, 3, R], dtype of both. Undefined: zeros
  at::Tensor h0;           // [rows, R] fp32 (fp64). Undefined: zeros
  at::Tensor reset;        // [T, rows] bool. Undefined: none
  bool overwrite = false;  // the states after the last frame overwrite conv_state and h0, contiguous both; no gradient
  at::Tensor seen;  // [streams] int64, with overwrite: conv_state is a ring after so many frames, streams dividing
                    // rows, as kernels/causal_conv1d/params.h says. Undefined: it is in order, oldest first
};

struct RecurrentUnitResult {
  at::Tensor out;         // [T, rows, R], dtype of both
  at::Tensor h_last;      // [rows, R] fp32 (fp64)
  at::Tensor conv_state;  // [rows, 3, R], dtype of both
};

// The formulas of causal_conv1d.h, block_diagonal.h and rg_lru.h in a row. Differentiable once in every tensor but
// reset; deterministic. Error: shapes, dtypes or devices that do not fit; T = 0; CUDA tensors in a build without CUDA.
RecurrentUnitResult recurrent_unit(const RecurrentUnitArgs& args);

}  // namespace trecvit::ops
