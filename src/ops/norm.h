// Normalisation of rows: statistics in fp32, eps 1e-6.
#pragma once

#include <torch/torch.h>

#include "kernels/norm/params.h"

namespace trecvit::ops {

using kernels::NormKind;

// Parameters [C], fp32 (fp64 with fp64 x).
struct Norm {
  NormKind kind;
  at::Tensor scale;  // kRms: starts at 0 and counts as 1 + scale
  at::Tensor bias;   // kLayer alone
};

// x [..., C] fp32, bf16 or (CPU only) fp64 -> the same shape and dtype:
//   kRms    x * rsqrt(mean(x^2) + 1e-6) * (1 + scale)                    (recurrentgemma RMSNorm)
//   kLayer  (x - mean) * rsqrt(variance + 1e-6) * scale + bias           (Flax LayerNorm)
// Differentiable once; deterministic. Backward keeps x and a number or two per row.
// Error: shapes, dtypes or devices that do not fit; no elements; CUDA tensors in a build without CUDA.
at::Tensor norm(const at::Tensor& x, const Norm& norm);

// The same without a graph, for ops that hold a norm within. x is contiguous.
struct NormStatistics {
  at::Tensor mean, inverse;  // [rows] fp32 (fp64); mean is undefined for kRms
};
at::Tensor norm_forward(const at::Tensor& x, const Norm& norm, NormStatistics* statistics);

struct NormGradients {
  at::Tensor x, scale, bias;
  at::Tensor y;  // the norm's output again
};
// dskip: a gradient that reaches x past the norm and is added to x's; undefined: none. y is made when it is wanted.
NormGradients norm_backward(const at::Tensor& x, const Norm& norm, const NormStatistics& statistics, const at::Tensor& dy,
                            const at::Tensor& dskip, bool want_y);

void check_norm(const char* op, const at::Tensor& x, const Norm& norm);

}  // namespace trecvit::ops
