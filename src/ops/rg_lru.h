// The real-gated linear recurrent unit (Griffin, arXiv 2402.19427) fused with its gates and the gating of the other
// branch. Letters: T frames, rows = B*N sequences, R channels; all time-major.
#pragma once

#include "ops/stream_positions.h"

namespace trecvit::ops {

struct RgLruArgs {
  at::Tensor x;             // [T, rows, R] fp32, bf16 or (CPU only) fp64: after the convolution
  at::Tensor input_logits;  // as x; products of the gates' matrices, without bias
  at::Tensor a_logits;      // as x
  at::Tensor y;             // as x, rows may be strided; the other branch before gelu. Undefined: no gating
  at::Tensor input_bias;    // [R] fp32 (fp64 with fp64 x), as the two below
  at::Tensor a_bias;        // [R]
  at::Tensor a_param;       // [R]
  at::Tensor h0;            // [rows, R] fp32 (fp64). Undefined: zeros
  at::Tensor reset;         // [T, rows] bool, true at the first frame of a clip (a = 0, m = 1). Undefined: none
  at::Tensor h_last;  // as h0, contiguous: where the last state goes; may be h0 itself. Undefined: into a new tensor.
                      // Error with a gradient wanted
};

struct RgLruResult {
  at::Tensor out;     // [T, rows, R], dtype of x: h * gelu_tanh(y), or h
  at::Tensor h_last;  // [rows, R] fp32 (fp64): the state after the last frame
};

// i, r = sigmoid(logits + bias); log_a = -8 r softplus(a_param); h_t = a h_{t-1} + sqrt(1 - a^2) i x. Gates and
// recurrence are fp32 whatever x is. Differentiable once in every tensor but reset; deterministic, whatever the number
// of threads. Backward keeps the arguments and one tensor like x (h); with no gradient wanted, nothing is kept. Error:
// shapes, dtypes or devices that do not fit; T = 0; CUDA tensors in a build without CUDA.
RgLruResult rg_lru(const RgLruArgs& args);

// The same without a graph, for ops that hold it within; every tensor contiguous but for the rows of y.
struct RgLruOutputs {
  at::Tensor out, h_last;
  at::Tensor h;  // for backward; undefined unless kept; the same tensor as out where there is no y
};
// With `positions` of streams h0 and h_last are one tensor [S*N, R], of all slots.
RgLruOutputs rg_lru_forward(const RgLruArgs& args, bool save_for_backward, const StreamPositions& positions = {});
// In the order of RgLruArgs, without reset; undefined where the argument is.
struct RgLruGradients {
  at::Tensor x, input_logits, a_logits, y, input_bias, a_bias, a_param, h0;
};
// dh_last may be undefined. `dy`: where the gradient of y goes, rows may be strided; undefined: a new tensor.
RgLruGradients rg_lru_backward(const RgLruArgs& args, const at::Tensor& h, const at::Tensor& dout,
                               const at::Tensor& dh_last, const at::Tensor& dy = {});

}  // namespace trecvit::ops
