// Products by a warpgroup of four warps, in which only the left operand goes through registers (PTX ISA, section
// "Asynchronous warpgroup level matrix instructions"); code for 90a alone. Sums and left operands are laid out as those
// of mma.m16n8k16 are, 16 rows to a warp. The right operand is tiles of D = 64 in shared memory, one after the other,
// from a multiple of 1,024 bytes on: Tile<64> permutes chunks as the hardware's mode of 128 bytes does.
//   share_copies(), a barrier; begin_products(); multiply...; commit_products(); ...; wait_for_products(sums)
#pragma once

#include "kernels/spatial_attention/device.cuh"

namespace trecvit::kernels {

// Makes what this thread has copied to shared memory visible to products, after the next barrier.
__device__ __forceinline__ void share_copies() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// Between writing to registers and the products that read them.
__device__ __forceinline__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// What describes 64 columns at `address` to the hardware: the mode, and 1,024 bytes between groups of eight rows.
__device__ __forceinline__ std::uint64_t describe(std::uint32_t address) {
  constexpr std::uint64_t kMode128 = std::uint64_t{1} << 62, kGroup = 1024 / 16;
  return kMode128 | kGroup << 32 | kGroup << 16 | (address / 16 & 0x3fff);
}

#define TRECVIT_SUMS(group) "+f"((group)[0]), "+f"((group)[1]), "+f"((group)[2]), "+f"((group)[3])

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

// Until all committed products are done; their sums pass through, so that no use of them moves ahead.
template <int kCount>
__device__ __forceinline__ void wait_for_products(float (&sums)[kCount][4]) {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
  for (int j = 0; j < kCount; ++j) asm volatile("" : TRECVIT_SUMS(sums[j])::"memory");
}

#undef TRECVIT_SUMS

}  // namespace trecvit::kernels
