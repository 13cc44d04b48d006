// Shared by products of a warpgroup, four warps (PTX ISA, section "Asynchronous warpgroup level matrix
// instructions"); code for 90a alone. Sums are laid out as those of mma.m16n8k16 are, 16 rows to a warp. Operands in
// shared memory are rows of 128 bytes, one after the other, from a multiple of 1,024 bytes on, whose 16-byte chunks are
// permuted as the hardware's mode of 128 bytes does: chunk c of row r is at c ^ r % 8.
//   share_copies(), a barrier; begin_products(); products; commit_products(); ...; wait_for_products(sums)
#pragma once

#include <cstdint>

#include "kernels/device.cuh"

namespace trecvit::kernels {

// Makes what this thread has copied to shared memory visible to products, after the next barrier.
__device__ __forceinline__ void share_copies() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// Between writing to registers and the products that read them.
__device__ __forceinline__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// The descriptor of an operand at `address`: the mode, and 1,024 bytes between groups of eight rows.
__device__ __forceinline__ std::uint64_t describe(std::uint32_t address) {
  constexpr std::uint64_t kMode128 = std::uint64_t{1} << 62, kGroup = 1024 / 16;
  return kMode128 | kGroup << 32 | kGroup << 16 | (address / 16 & 0x3fff);
}

#define TRECVIT_SUMS(group) "+f"((group)[0]), "+f"((group)[1]), "+f"((group)[2]), "+f"((group)[3])

// Until all but the last kLater groups of products are done.
template <int kLater>
__device__ __forceinline__ void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kLater) : "memory");
}
// Until all are done; their sums pass through, so that no use of them moves ahead.
template <int kCount>
__device__ __forceinline__ void wait_for_products(float (&sums)[kCount][4]) {
  wait_for_products<0>();
#pragma unroll
  for (int j = 0; j < kCount; ++j) asm volatile("" : TRECVIT_SUMS(sums[j])::"memory");
}

}  // namespace trecvit::kernels
