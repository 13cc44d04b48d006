// Building blocks of the attention kernels: tiles of 16 rows of D bf16 in shared memory, filled by cp.async, read by
// ldmatrix and multiplied by the tensor cores' m16n8k16 with fp32 sums. Layouts of fragments: PTX ISA, section "Matrix
// fragments for mma.m16n8k16". In a 16x8 accumulator, lane l has columns 2 (l % 4) and the next of rows l / 4 (elements
// 0, 1) and l / 4 + 8 (elements 2, 3); the four lanes that share rows are called a quad.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "kernels/device.cuh"

namespace trecvit::kernels {

inline constexpr int kTileRows = 16, kWarpLanes = 32;

// The scale of the logits, and the same for exponents of 2.
constexpr float logit_scale(int d) { return d == 64 ? 0.125f : 0.17677669529663689f; }
constexpr float exponent_scale(int d) { return kLog2E * logit_scale(d); }
template <int D>
inline constexpr float kLogitScale = logit_scale(D);
template <int D>
inline constexpr float kLogitScale2 = exponent_scale(D);

__device__ __forceinline__ int lane_index() { return threadIdx.x % kWarpLanes; }
// The shuffle tells the compiler that the index is the same in all lanes.
__device__ __forceinline__ int warp_index() { return __shfl_sync(~0u, threadIdx.x / kWarpLanes, 0); }

// A 16x16 piece: one operand A, or two operands B side by side.
struct Fragment {
  std::uint32_t v[4];
};

// A tile in shared memory. The 16-byte chunks of a row are permuted so that eight rows, read at the same chunk, lie in
// different banks.
template <int D>
struct Tile {
  static constexpr int kChunks = D / 8, kBytes = kTileRows * D * 2;
  static_assert(kChunks % 4 == 0);

  static __device__ __forceinline__ int offset(int row, int chunk) {
    const int mixed = chunk ^ (kChunks % 8 == 0 ? row % 8 : row / 2 % 4);
    return row * D * 2 + mixed * 16;
  }
};

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// Starts to copy 16 bytes; zeros instead, and nothing read, when they are not `present`.
__device__ __forceinline__ void copy_async(std::uint32_t to, const void* from, bool present) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(present ? 16 : 0) : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until all but the last kLater groups of this thread's copies are there.
template <int kLater>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLater) : "memory");
}

// A warp starts to copy a tile: rows [first, first + 16) of D elements, `stride` apart; those from `tokens` on are
// zeros.
template <int D>
__device__ __forceinline__ void copy_tile(std::uint32_t to, const Bf16* from, int stride, int first, int tokens) {
  constexpr int kChunks = Tile<D>::kChunks, kAtOnce = kWarpLanes / kChunks;
  const int chunk = lane_index() % kChunks;
#pragma unroll
  for (int pass = 0; pass < kTileRows / kAtOnce; ++pass) {
    const int row = pass * kAtOnce + lane_index() / kChunks;
    const bool there = first + row < tokens;
    copy_async(to + Tile<D>::offset(row, chunk), from + (there ? (first + row) * stride : 0) + chunk * 8, there);
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
// The same for columns [16 k, 16 k + 16): chunks are permuted by exclusive or, which commutes.
__device__ __forceinline__ std::uint32_t at_columns(std::uint32_t lane_address, int k) { return lane_address ^ k * 32; }

__device__ __forceinline__ Fragment load_matrices(std::uint32_t from) {
  Fragment f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.v[0]), "=r"(f.v[1]), "=r"(f.v[2]), "=r"(f.v[3])
               : "r"(from)
               : "memory");
  return f;
}
__device__ __forceinline__ Fragment load_transposed(std::uint32_t from) {
  Fragment f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.v[0]), "=r"(f.v[1]), "=r"(f.v[2]), "=r"(f.v[3])
               : "r"(from)
               : "memory");
  return f;
}

// sums += a b, 16x16 by 16x8; the first time sums = a b.
__device__ __forceinline__ void multiply(float (&sums)[4], const Fragment& a, std::uint32_t b0, std::uint32_t b1,
                                         bool first = false) {
  const float before[4] = {first ? 0 : sums[0], first ? 0 : sums[1], first ? 0 : sums[2], first ? 0 : sums[3]};
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%10, %11, %12, %13};"
      : "=f"(sums[0]), "=f"(sums[1]), "=f"(sums[2]), "=f"(sums[3])
      : "r"(a.v[0]), "r"(a.v[1]), "r"(a.v[2]), "r"(a.v[3]), "r"(b0), "r"(b1), "f"(before[0]), "f"(before[1]),
        "f"(before[2]), "f"(before[3]));
}
// The same for 16 columns.
__device__ __forceinline__ void multiply(float (*sums)[4], const Fragment& a, const Fragment& b, bool first = false) {
  multiply(sums[0], a, b.v[0], b.v[1], first);
  multiply(sums[1], a, b.v[2], b.v[3], first);
}

__device__ __forceinline__ std::uint32_t pack(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
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
