// What a classifier remembers of its streams' frames: the mean of their features.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// out = tanh(x), frame by frame into `sum`, and mean = sum / seen; as kernels/running_mean/params.h says. x and out
// [T, B, W] fp32 or bf16, mean [B, W] like them, sum [B, W] fp64, seen [B] int64: frames, these among them. All
// contiguous, on one device. No gradient. Error: shapes, dtypes or devices that do not fit; CUDA tensors in a build
// without CUDA.
void running_mean(const at::Tensor& x, const at::Tensor& seen, at::Tensor out, at::Tensor sum, at::Tensor mean);

}  // namespace trecvit::ops
