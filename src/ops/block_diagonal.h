// Block-diagonal linear map: H independent blocks of the channels. The gates of the RG-LRU (Griffin, arXiv 2402.19427).
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// x [M, R] and w [H, D, D] with R = H*D, same dtype  ->  y [M, R],  y[m, h*D+j] = sum_i x[m, h*D+i] w[h, i, j].
// No copy of x or y is made: each block is a strided product. Differentiable in both.
at::Tensor block_diagonal(const at::Tensor& x, const at::Tensor& w);

// Its parts without a graph, for ops that hold it within; contiguous tensors.
at::Tensor block_diagonal_forward(const at::Tensor& x, const at::Tensor& w);
// dx [M, R] += what dy [M, R] gives.
void block_diagonal_add_input_gradient(const at::Tensor& dy, const at::Tensor& w, const at::Tensor& dx);
// [H, D, D] in fp32 (fp64).
at::Tensor block_diagonal_weight_gradient(const at::Tensor& x, const at::Tensor& dy, std::int64_t blocks);

}  // namespace trecvit::ops
