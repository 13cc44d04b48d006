// Building blocks of the attention kernels: tiles of 16 rows of D bf16 in shared memory, filled by cp.async, read by
// ldmatrix. D is any multiple of 16.
#pragma once

#include <cstdint>

#include "kernels/tensor_cores.cuh"

namespace trecvit::kernels {

inline constexpr int kTileRows = 16, kMostTokens = 272;

// The scale of the logits, 1 / sqrt(D) by Newton's steps, and the same for exponents of 2.
constexpr float logit_scale(int d) {
  double root = d;
  for (int step = 0; step < 16; ++step) root = 0.5 * (root + d / root);
  return static_cast<float>(1.0 / root);
}
template <int D>
inline constexpr float kLogitScale = logit_scale(D);
template <int D>
inline constexpr float kLogitScale2 = kLog2E* logit_scale(D);

// A tile in shared memory. Eight rows, read at the same chunk of 16 bytes, lie in different banks: where D is a power
// of two the chunks of a row are permuted by exclusive or; otherwise rows are an odd number of chunks apart.
template <int D>
struct Tile {
  static constexpr int kChunks = D / 8;
  static constexpr bool kPermuted = D == 32 || D == 64 || D == 128;
  static constexpr int kRowBytes = (kPermuted ? kChunks : kChunks + 1) * 16, kBytes = kTileRows * kRowBytes;
  static_assert(D % 16 == 0 && D <= 128);

  static __device__ __forceinline__ int offset(int row, int chunk) {
    if constexpr (kPermuted) chunk ^= kChunks % 8 == 0 ? row % 8 : row / 2 % 4;
    return row * kRowBytes + chunk * 16;
  }
};

// A warp starts to copy a tile: rows [first, first + 16) of D elements, `stride` apart; those from `tokens` on are
// zeros.
template <int D>
__device__ __forceinline__ void copy_tile(std::uint32_t to, const Bf16* from, int stride, int first, int tokens) {
  constexpr int kChunks = Tile<D>::kChunks;
#pragma unroll
  for (int pass = 0; pass < kTileRows * kChunks / kWarpLanes; ++pass) {
    const int index = pass * kWarpLanes + lane_index(), row = index / kChunks, chunk = index % kChunks;
    const bool there = first + row < tokens;
    copy_async<16>(to + Tile<D>::offset(row, chunk), from + (there ? (first + row) * stride : 0) + chunk * 8, there);
  }
}

// Where a lane points ldmatrix to read the first 16 columns of a tile X in shared memory: as operand A, or as operands
// B of a product with X, transposed;
template <int D>
__device__ __forceinline__ std::uint32_t lane_address(std::uint32_t tile) {
  return tile + Tile<D>::offset(lane_index() % 16, lane_index() / 16);
}
// as operands B of a product with X^T.
template <int D>
__device__ __forceinline__ std::uint32_t lane_address_b(std::uint32_t tile) {
  return tile + Tile<D>::offset(lane_index() % 8 + lane_index() / 16 * 8, lane_index() / 8 % 2);
}
// The same for columns [16 k, 16 k + 16).
template <int D>
__device__ __forceinline__ std::uint32_t at_columns(std::uint32_t lane_address, int k) {
  return Tile<D>::kPermuted ? lane_address ^ k * 32 : lane_address + k * 32;
}

// Sums of 16 columns, rounded, as operand A.
__device__ __forceinline__ Fragment pack_a(const float (*sums)[4]) {
  return {{pack(sums[0][0], sums[0][1]), pack(sums[0][2], sums[0][3]), pack(sums[1][0], sums[1][1]),
           pack(sums[1][2], sums[1][3])}};
}

__device__ __forceinline__ float quad_max(float v) {
  v = fmaxf(v, __shfl_xor_sync(~0u, v, 1));
  return fmaxf(v, __shfl_xor_sync(~0u, v, 2));
}
__device__ __forceinline__ float quad_sum(float v) {
  v += __shfl_xor_sync(~0u, v, 1);
  return v + __shfl_xor_sync(~0u, v, 2);
}

// Writes rows [0, present) of a warp's 16xD sums, times `factor` of their half of the tile, to rows `stride` apart. Of
// two groups of 8 columns a lane has two columns each; neighbours swap, so that one has four of the first group and the
// other four of the second, and a quad writes 32 bytes.
template <int D>
__device__ __forceinline__ void store_tile(const float (&sums)[D / 8][4], const float (&factor)[2], Bf16* to,
                                           int stride, int present) {
  const bool odd = lane_index() % 2;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = lane_index() / 4 + 8 * half;
    Bf16* const line = to + row * stride + (odd ? 8 : 0) + lane_index() % 4 / 2 * 4;
#pragma unroll
    for (int j = 0; j < D / 8; j += 2) {
      const std::uint32_t first = pack(sums[j][2 * half] * factor[half], sums[j][2 * half + 1] * factor[half]);
      const std::uint32_t second = pack(sums[j + 1][2 * half] * factor[half], sums[j + 1][2 * half + 1] * factor[half]);
      const std::uint32_t received = __shfl_xor_sync(~0u, odd ? first : second, 1);
      const uint2 four = make_uint2(odd ? received : first, odd ? second : received);
      if (row < present) *reinterpret_cast<uint2*>(line + j * 8) = four;
    }
  }
}

}  // namespace trecvit::kernels
