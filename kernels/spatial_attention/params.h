// Arguments of the spatial attention kernels, on every device: multi-head self-attention of the tokens of a frame,
// arXiv 1706.03762, section 3.2, read from the packed product q | k | v. Letters: N tokens, H heads, D head width.
//
//   S = q k^T / sqrt(D)     P = softmax of the rows of S     out = P v     lse = log of the sum of exp(S) of a row
//   dv = P^T dout     dS = P (dout v^T - delta), delta = row sum of dout * out     dq = dS k / sqrt(D)     dk = dS^T q
//   / sqrt(D)
//
// All tensors are contiguous. Io is Bf16, or a wider scalar in the reference.
#pragma once

#include <cstdint>

#include "kernels/element.h"

namespace trecvit::kernels {

template <class Io>
struct SpatialAttentionInputs {
  std::int64_t frames = 0, tokens = 0, heads = 0, head_width = 0;  // frames, N, H, D; all at least 1
  const Io* qkv = nullptr;                                         // [frames, N, 3, H, D]
};

template <class Io>
struct SpatialAttentionForward : SpatialAttentionInputs<Io> {
  Io* out = nullptr;        // [frames, N, H, D]
  Wide<Io>* lse = nullptr;  // [frames, H, N], for backward; null: not kept
};

// Writes the whole of dqkv anew.
template <class Io>
struct SpatialAttentionBackward : SpatialAttentionInputs<Io> {
  const Io* out = nullptr;        // from forward
  const Wide<Io>* lse = nullptr;  // from forward
  const Io* dout = nullptr;       // [frames, N, H, D]
  Io* dqkv = nullptr;             // [frames, N, 3, H, D]
};

}  // namespace trecvit::kernels
