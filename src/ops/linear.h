// Linear maps with what stands around them in a pre-norm residual block: the norm before, the sum after, and a whole
// MLP. Fused so that backward keeps x and not norm(x), the argument of gelu and not its value, and no pass only adds.
#pragma once

#include "ops/norm.h"

namespace trecvit::ops {

// A parameter: the leaf that learns, fp32 (fp64), and its value in the dtype of the activations, which no graph knows.
struct Weight {
  at::Tensor leaf, value;

  Weight view(at::IntArrayRef shape) const { return {leaf.view(shape), value.view(shape)}; }
};

struct LinearWeights {
  Weight kernel;  // [in, out]
  Weight bias;    // [out]
};

// All of: x [..., in] fp32, bf16 or (CPU only) fp64; results have its dtype. Sums are fp32 and gradients of leaves are
// not rounded to bf16 on the GPU. Differentiable once in x, residual and the leaves; deterministic.
// Error: shapes, dtypes or devices that do not fit.

// x kernel + bias (+ residual [..., out]) -> [..., out].
at::Tensor linear(const at::Tensor& x, const LinearWeights& weights, const at::Tensor& residual = {});

// linear(norm(x)), and x itself for the residual sum to come: gradients of `skip` are added within norm's backward.
struct SkipAndOut {
  at::Tensor skip;  // x
  at::Tensor out;   // [..., out]
};
SkipAndOut norm_linear(const at::Tensor& x, const Norm& norm, const LinearWeights& weights);

// x + linear(gelu_tanh(linear(norm(x), up)), down), up [C, M], down [M, C].
at::Tensor norm_mlp(const at::Tensor& x, const Norm& norm, const LinearWeights& up, const LinearWeights& down);

}  // namespace trecvit::ops
