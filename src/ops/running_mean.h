// A classifier's memory of its streams' frames: the mean of their features.
#pragma once

#include "ops/stream_positions.h"

namespace trecvit::ops {

// out = tanh(x), added frame by frame to `sum`, and mean = sum / frames, as kernels/running_mean/params.h says. x and out
// [T, B, W] fp32 or bf16, mean [B, W] like them, sum [S, W] fp64; `positions` as advance_streams() gave them. All
// contiguous, on one device. No gradient. Error: shapes, dtypes or devices that do not fit; CUDA tensors in a build
// without CUDA.
void running_mean(const at::Tensor& x, const StreamPositions& positions, at::Tensor out, at::Tensor sum, at::Tensor mean);

}  // namespace trecvit::ops
