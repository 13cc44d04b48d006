// Hopper's copies of whole boxes from global to shared memory (the tensor memory accelerator, PTX ISA "Tensor copy"),
// and the barriers in shared memory that count their bytes (PTX ISA "mbarrier"). All of it compiles in code for 90a
// alone. Every barrier here is used once: it completes its phase 0 and is never armed again.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "kernels/copy_async.cuh"

namespace trecvit::kernels {

// Barriers are 8 bytes at 8-byte addresses; `count` arrivals, and all bytes that were announced, complete one.
__device__ __forceinline__ void create_barrier(std::uint32_t barrier, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");
}
// Makes this thread's new barriers visible to copies and to the other blocks of the cluster.
__device__ __forceinline__ void share_barriers() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
__device__ __forceinline__ void arrive(std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// Arrives, and announces bytes that copies will bring.
__device__ __forceinline__ void arrive_and_expect(std::uint32_t barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
// The scope of the block is wide enough for what copies and other blocks bring. That of the cluster would throw away
// the first-level cache at every call, which costs hundreds of cycles.
__device__ __forceinline__ void wait_for_barrier(std::uint32_t barrier) {
  asm volatile(
      "{\n.reg .pred done;\nagain:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], 0;\n"
      "@!done bra again;\n}\n" ::"r"(barrier)
      : "memory");
}

// Starts to copy the box at (column, row) of a matrix; elements outside of the matrix are zeros.
__device__ __forceinline__ void copy_box(std::uint32_t to, const CUtensorMap* matrix, int column, int row,
                                         std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          to),
      "l"(matrix), "r"(column), "r"(row), "r"(barrier)
      : "memory");
}

// The address, in the shared memory of the cluster's block `rank`, of what is at `address` in this block's.
__device__ __forceinline__ std::uint32_t at_rank(std::uint32_t address, int rank) {
  std::uint32_t there;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(rank));
  return there;
}
// Sends 16 bytes to another block of the cluster, counted by a barrier there.
__device__ __forceinline__ void send(std::uint32_t to, const float (&v)[4], std::uint32_t barrier) {
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
               "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(v[3]), "r"(barrier)
               : "memory");
}

}  // namespace trecvit::kernels
