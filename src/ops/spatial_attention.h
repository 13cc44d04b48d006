// Multi-head self-attention of the tokens of a frame, from the packed product q | k | v.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// qkv [frames, N, 3, H, D]  ->  softmax(q k^T / sqrt(D)) v of every frame and head, [frames, N, H*D], dtype of qkv.
// bf16 on a GPU of compute capability 8.0 and up, N <= 272 and D 32, 64, 80, 96 or 128, as far as shared memory goes:
// one kernel forward and one backward (kernels/spatial_attention), deterministic, differentiable once; backward keeps
// qkv, the result and one number per row. All else: LibTorch's scaled_dot_product_attention, by the backends that are
// allowed (src/runtime/device.cpp), and never by a cuDNN that is wrong at this N. Error: another shape.
at::Tensor spatial_attention(const at::Tensor& qkv);

// Whether the attention of this cuDNN (91900 for 9.19.0, as LibTorch tells) is right for N tokens: before 9.15.1 it is
// not unless N is divisible by 128.
bool cudnn_attention_is_right(std::int64_t version, std::int64_t tokens);

}  // namespace trecvit::ops
