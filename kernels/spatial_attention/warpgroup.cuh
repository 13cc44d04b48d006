// Attention's products by a warpgroup (kernels/warpgroup.cuh), in which only the left operand goes through registers,
// laid out as that of mma.m16n8k16 is. The right operand is tiles of D = 64, one after the other.
#pragma once

#include "kernels/spatial_attention/device.cuh"
#include "kernels/warpgroup.cuh"

namespace trecvit::kernels {

// sums (+)= a b', 64x16 by 16x40: b is 16 columns of 40 rows.
__device__ __forceinline__ void multiply_transposed(float (*sums)[4], const Fragment& a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %25, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n40k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19}, "
      "{%20, %21, %22, %23}, %24, add, 1, 1, 0;\n}\n"
      : TRECVIT_SUMS(sums[0]), TRECVIT_SUMS(sums[1]), TRECVIT_SUMS(sums[2]), TRECVIT_SUMS(sums[3]),
        TRECVIT_SUMS(sums[4])
      : "r"(a.v[0]), "r"(a.v[1]), "r"(a.v[2]), "r"(a.v[3]), "l"(b), "r"(static_cast<int>(add)));
}

// sums (+)= a b, 64x16 by 16x64: b is a tile.
__device__ __forceinline__ void multiply(float (&sums)[8][4], const Fragment& a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, "
      "%24, %25, %26, %27, %28, %29, %30, %31}, "
      "{%32, %33, %34, %35}, %36, add, 1, 1, 1;\n}\n"
      : TRECVIT_SUMS(sums[0]), TRECVIT_SUMS(sums[1]), TRECVIT_SUMS(sums[2]), TRECVIT_SUMS(sums[3]),
        TRECVIT_SUMS(sums[4]), TRECVIT_SUMS(sums[5]), TRECVIT_SUMS(sums[6]), TRECVIT_SUMS(sums[7])
      : "r"(a.v[0]), "r"(a.v[1]), "r"(a.v[2]), "r"(a.v[3]), "l"(b), "r"(static_cast<int>(add)));
}

}  // namespace trecvit::kernels
