// Everything between the two linear maps of a recurrent block (Griffin, arXiv 2402.19427, section 2.3): the causal
// convolution of one branch, the RG-LRU, and the gating by the other branch. It is one op, so that backward writes the
// gradients of both branches side by side, and gradients that meet are added by the products that make them.
// Letters: T frames, rows = B*N sequences, R channels, H blocks of the gates, D = R/H, S slots of the state.
#pragma once

#include "ops/linear.h"
#include "ops/stream_positions.h"

namespace trecvit::ops {

struct RecurrentUnitArgs {
  at::Tensor xy_projection;   // [T, rows, 2R] fp32, bf16 or (CPU only) fp64: linear_x | linear_y
  at::Tensor conv_w;          // [4, R] fp32 (fp64), as all parameters
  at::Tensor conv_b;          // [R]
  Weight input_gate;          // [H, D, D]
  Weight a_gate;              // [H, D, D]
  at::Tensor input_bias;      // [R]
  at::Tensor a_bias;          // [R]
  at::Tensor a_param;         // [R]
  at::Tensor conv_state;      // [rows, 3, R], dtype of xy_projection; of streams [S*N, 3, R]. Undefined: zeros
  at::Tensor h0;              // [rows, R] fp32 (fp64); of streams [S*N, R]. Undefined: zeros
  bool overwrite = false;     // the states after the last frame overwrite conv_state and h0, both contiguous; no gradient
  StreamPositions positions;  // of clips or streams. Streams want `overwrite`, and conv_state is then a ring
                              // (kernels/causal_conv1d/params.h); of clips it is in order, oldest first
};

struct RecurrentUnitResult {
  at::Tensor out;         // [T, rows, R], dtype of xy_projection
  at::Tensor h_last;      // [rows, R] fp32 (fp64); with overwrite h0
  at::Tensor conv_state;  // [rows, 3, R], dtype of xy_projection; with overwrite conv_state
};

// The formulas of causal_conv1d.h, block_diagonal.h and rg_lru.h one after another. Differentiable once in every float
// tensor; deterministic. Error: shapes, dtypes or devices that do not fit; T = 0; CUDA tensors in a build without CUDA.
RecurrentUnitResult recurrent_unit(const RecurrentUnitArgs& args);

}  // namespace trecvit::ops
