// Multi-head self-attention over the tokens of one frame (Flax MultiHeadDotProductAttention).
#pragma once

#include "nn/linear.h"
#include "nn/norm.h"

namespace trecvit::nn {

struct Attention {
  Parameter* qkv_kernel = nullptr;  // [C, 3C]: query | key | value, officially three [C, H, D]
  Parameter* qkv_bias = nullptr;    // [3C], officially three [H, D]
  Parameter* out_kernel = nullptr;  // [C, C], officially [H, D, C]
  Parameter* out_bias = nullptr;    // [C]
  std::int64_t heads = 1;

  // x [frames, N, C] -> the first `output_tokens` tokens of x + attention(norm(x)), [frames, output_tokens, C]; every frame attends to
  // itself alone.
  Tensor operator()(const Tensor& x, const Norm& norm, std::int64_t output_tokens) const;
};
Attention make_attention(ParameterStore& store, const std::string& name, std::int64_t width, std::int64_t heads);

}  // namespace trecvit::nn
