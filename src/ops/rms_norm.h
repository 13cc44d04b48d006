// Root mean square normalisation of rows (recurrentgemma's RMSNorm): statistics in fp32, eps 1e-6.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// x [..., C] fp32, bf16 or (CPU only) fp64; scale [C] fp32 (fp64 with fp64 x)
//   ->  x * rsqrt(mean(x^2) + 1e-6) * (1 + scale), shape and dtype of x.
// Differentiable once in both; deterministic. Backward keeps x and one number per row.
// Error: shapes, dtypes or devices that do not fit; no elements; CUDA tensors in a build without CUDA.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& scale);

}  // namespace trecvit::ops
