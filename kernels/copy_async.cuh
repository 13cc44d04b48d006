// cp.async: copies from global to shared memory that a thread starts and later waits for. On GPUs before 8.0 ordinary
// loads and stores, done at once.
#pragma once

#include <cstdint>

#include "kernels/device.cuh"

namespace trecvit::kernels {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// Starts to copy 4, 8 or 16 bytes; zeros instead, and nothing read, when they are not `present`.
template <int kBytes>
__device__ __forceinline__ void copy_async(std::uint32_t to, const void* from, bool present) {
#if __CUDA_ARCH__ >= 800
  const unsigned count = present ? kBytes : 0;
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(count) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(to), "l"(from), "r"(count), "n"(kBytes)
                 : "memory");
  }
#else
  using Words = Pack<unsigned, kBytes / 4>;
  *static_cast<Words*>(__cvta_shared_to_generic(to)) = present ? *static_cast<const Words*>(from) : Words{};
#endif
}

// Ends a group of copies.
__device__ __forceinline__ void commit_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Until all but the last kLater groups of this thread's copies are there.
template <int kLater>
__device__ __forceinline__ void wait_for_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kLater) : "memory");
#endif
}

}  // namespace trecvit::kernels
