// Arguments of the forgetting attention kernels, on every device: causal attention over time whose logits decay with
// distance (Forgetting Transformer, arXiv 2503.02130), and which leaves out what has decayed below a threshold
// (adaptive computation pruning, arXiv 2504.06949). Letters: rows = B*N sequences, H heads, D head width; M queries,
// the last M of N keys: query i stands at position N - M + i.
//
//   c_t = sum of log f up to position t        D_ij = c at i's position - c_j, for keys j up to there
//   out_i = sum over j of softmax_j(q_i k_j / sqrt(D) + D_ij) v_j        lse_i = log of the sum of the exponentials
//
//   dS_ij = P_ij (dout_i v_j - delta_i), delta_i = dout_i out_i        dv = P^T dout
//   dq = dS k / sqrt(D)        dk = dS^T q / sqrt(D)
//   dlog f_t = sum over positions u >= t of dc_u, dc = row sums of dS - column sums of dS
//
// Note [Pruned tiles]
// Queries and keys are cut into tiles of kForgettingTile, each from its first on. A pair of tiles is dropped when
// c at the first query - c of the last key < threshold, for then every pair in it lies below the threshold. Since log f
// is never above 0, the tiles that a query tile keeps are adjacent and end at the diagonal: a walk from there outwards
// stops at the first dropped one. Forward and backward, on every device, keep the same pairs, so the gradient is that
// of what forward calculated. A threshold of -infinity drops nothing.
//
// log f must be finite and at most 0. Values that are decided upon, c, are sums in fp64.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/element.h"

namespace trecvit::kernels {

inline constexpr std::int64_t kForgettingTile = 64;

// Lines of q, k, v and of their gradients, one to a position and row, are H*D adjacent elements; from one to the next
// are `stride` elements, so that they may be parts of wider products. Io is float, Bf16, or a wider scalar in the
// reference.
template <class Io>
struct ForgettingAttentionInputs {
  std::int64_t rows = 0, heads = 0, head_width = 0, queries = 0, keys = 0;  // rows, H, D, M, N; all at least 1, M <= N
  const Io* q = nullptr;                                                    // [M, rows, H, D]
  const Io* k = nullptr;                                                    // [N, rows, H, D]
  const Io* v = nullptr;                                                    // [N, rows, H, D]
  std::int64_t q_stride = 0, k_stride = 0, v_stride = 0;
  const Wide<Io>* log_f = nullptr;  // [N, rows, H]
  float threshold = -std::numeric_limits<float>::infinity();
  const void* decays = nullptr;  // from log_f, in the device's own form; unused by the reference

  constexpr std::int64_t cells() const { return rows * heads; }
  constexpr std::int64_t query_tiles() const { return (queries + kForgettingTile - 1) / kForgettingTile; }
  constexpr std::int64_t key_tiles() const { return (keys + kForgettingTile - 1) / kForgettingTile; }
  constexpr std::int64_t position(std::int64_t query) const { return keys - queries + query; }
};

template <class Io>
struct ForgettingAttentionForward : ForgettingAttentionInputs<Io> {
  Io* out = nullptr;        // [M, rows, H, D]
  Wide<Io>* lse = nullptr;  // [rows, H, M], for backward; null: not kept
};

// Writes every gradient anew.
template <class Io>
struct ForgettingAttentionBackward : ForgettingAttentionInputs<Io> {
  const Io* out = nullptr;                                   // from forward
  const Wide<Io>* lse = nullptr;                             // from forward
  const Io* dout = nullptr;                                  // [M, rows, H, D]
  Io* dq = nullptr;                                          // [M, rows, H, D]
  Io* dk = nullptr;                                          // [N, rows, H, D]
  Io* dv = nullptr;                                          // [N, rows, H, D]
  std::int64_t dq_stride = 0, dk_stride = 0, dv_stride = 0;  // as q_stride and so on
  Wide<Io>* dlog_f = nullptr;                                // [N, rows, H]
  void* scratch = nullptr;                                   // of the device's own size
};

}  // namespace trecvit::kernels
