// Tensor cores by warps, from architecture 80 on: m16n8k16 products of bf16 with fp32 sums, fed from shared memory by
// ldmatrix. Layouts of fragments: PTX ISA, section "Matrix fragments for mma.m16n8k16". In a 16x8 accumulator, lane l
// has columns 2 (l % 4) and the next of rows l / 4 (elements 0, 1) and l / 4 + 8 (elements 2, 3); the four lanes that
// share rows are called a quad.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "kernels/copy_async.cuh"
#include "kernels/device.cuh"

namespace trecvit::kernels {

inline constexpr int kWarpLanes = 32;

__device__ __forceinline__ int lane_index() { return threadIdx.x % kWarpLanes; }
// The shuffle tells the compiler that the index is the same in all lanes.
__device__ __forceinline__ int warp_index() { return __shfl_sync(~0u, threadIdx.x / kWarpLanes, 0); }

// A 16x16 piece: one operand A, or two operands B side by side.
struct Fragment {
  std::uint32_t v[4];
};

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

// sums += a b, 16x16 by 16x8; the first time sums = a b. Never launched on GPUs before 8.0; for those it only compiles.
__device__ __forceinline__ void multiply(float (&sums)[4], const Fragment& a, std::uint32_t b0, std::uint32_t b1,
                                         bool first = false) {
#if __CUDA_ARCH__ >= 800
  const float before[4] = {first ? 0 : sums[0], first ? 0 : sums[1], first ? 0 : sums[2], first ? 0 : sums[3]};
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%10, %11, %12, %13};"
      : "=f"(sums[0]), "=f"(sums[1]), "=f"(sums[2]), "=f"(sums[3])
      : "r"(a.v[0]), "r"(a.v[1]), "r"(a.v[2]), "r"(a.v[3]), "r"(b0), "r"(b1), "f"(before[0]), "f"(before[1]),
        "f"(before[2]), "f"(before[3]));
#else
  __trap();
#endif
}
// The same for 16 columns.
__device__ __forceinline__ void multiply(float (*sums)[4], const Fragment& a, const Fragment& b, bool first = false) {
  multiply(sums[0], a, b.v[0], b.v[1], first);
  multiply(sums[1], a, b.v[2], b.v[3], first);
}

// An 8x8 matrix of bf16, two adjacent elements to a lane, transposed within the warp.
__device__ __forceinline__ std::uint32_t transposed(std::uint32_t pair) {
  std::uint32_t result;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(result) : "r"(pair));
  return result;
}

__device__ __forceinline__ float low_half(std::uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high_half(std::uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

}  // namespace trecvit::kernels
