// Shared by both forms of spatial attention forward, on rows of S in registers: s[j] are a lane's accumulators of keys
// 8 j to 8 j + 7, for the lane's two rows.
#pragma once

#include "kernels/spatial_attention/device.cuh"
#include "kernels/spatial_attention/params.h"

namespace trecvit::kernels {

// Of the lane's two rows: the largest logit in powers of two, and the sum of exp(logit - largest), at first this
// lane's.
struct RowSums {
  float largest[2] = {-INFINITY, -INFINITY}, sum[2] = {};
};

// Keys fill at most kGroups groups of 8 and more than kFull. Logits of the keys that are missing become -inf.
template <int D, int kGroups, int kFull>
__device__ __forceinline__ RowSums find_largest(float (*s)[4], int tokens) {
#pragma unroll
  for (int j = kFull; j < kGroups; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (8 * j + 2 * (lane_index() % 4) + e % 2 >= tokens) s[j][e] = -INFINITY;
    }
  }
  RowSums rows;
#pragma unroll
  for (int j = 0; j < kGroups; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) rows.largest[e / 2] = fmaxf(rows.largest[e / 2], s[j][e]);
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) rows.largest[half] = kLogitScale2<D> * quad_max(rows.largest[half]);
  return rows;
}

// The exponentials of tile t of the keys as an operand A, and their sums. A group beyond the last one holds zeros.
template <int D, int kGroups>
__device__ __forceinline__ Fragment exponentials(float (*s)[4], int t, RowSums& rows) {
#pragma unroll
  for (int j = 2 * t; j < 2 * t + 2 && j < kGroups; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      s[j][e] = exp2_fast(s[j][e] * kLogitScale2<D> - rows.largest[e / 2]);
      rows.sum[e / 2] += s[j][e];
    }
  }
  return pack_a(s + 2 * t);
}

// Writes a warp's 16 queries from `row` on; sums = exp(S) v.
template <int D>
__device__ __forceinline__ void write_rows(const SpatialAttentionForward<Bf16>& p, std::int64_t frame, unsigned head,
                                           int row, const float (&sums)[D / 8][4], RowSums rows) {
  const int tokens = static_cast<int>(p.tokens), width = static_cast<int>(p.heads) * D;
#pragma unroll
  for (int half = 0; half < 2; ++half) rows.sum[half] = quad_sum(rows.sum[half]);
  store_tile<D>(sums, {reciprocal(rows.sum[0]), reciprocal(rows.sum[1])},
                p.out + (frame * tokens + row) * width + head * D, width, tokens - row);
  if (p.lse && lane_index() % 4 == 0) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = row + lane_index() / 4 + 8 * half;
      const std::int64_t at = (frame * p.heads + head) * tokens + query;
      if (query < tokens) p.lse[at] = (rows.largest[half] + __log2f(rows.sum[half])) * (1.0f / kLog2E);
    }
  }
}

}  // namespace trecvit::kernels
