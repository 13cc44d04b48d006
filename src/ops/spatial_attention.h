// Multi-head self-attention of the tokens of a frame, from the packed product q | k | v.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// qkv [frames, N, 3, H, D]  ->  softmax(q k^T / sqrt(D)) v of every frame and head, [frames, N, H*D], dtype of qkv.
// bf16 on a GPU, N <= 272 and D 32 or 64: one kernel forward and one backward (kernels/spatial_attention),
// deterministic, differentiable once; backward keeps qkv, the result and one number per row. All else: LibTorch's
// scaled_dot_product_attention, by the backends that are allowed (src/infer/device.cpp).
// Error: another shape.
at::Tensor spatial_attention(const at::Tensor& qkv);

}  // namespace trecvit::ops
