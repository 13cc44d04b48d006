// A thread's own queue of loads in shared memory: cp.async brings tiles of the coming frames while the present one is
// calculated, so that bytes in flight cost no registers. No thread touches another's slots, so there are no barriers.
#pragma once

#include "kernels/device.cuh"

namespace trecvit::kernels {

// cp.async where its granularity of 4 bytes allows, an ordinary load where not. An absent line becomes zeros.
template <class Line>
__device__ __forceinline__ void copy_async(Line* to, const void* from, bool present) {
  if constexpr (sizeof(Line) >= 4) {
    const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to));
    const unsigned bytes = present ? sizeof(Line) : 0;
    if constexpr (sizeof(Line) == 16) {
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
    } else {
      asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(address), "l"(from), "r"(bytes),
                   "n"(sizeof(Line))
                   : "memory");
    }
  } else {
    *to = present ? *static_cast<const Line*>(from) : Line{};
  }
}

// Tiles of kFrames frames of kTensors tensors, V channels each. Beside the tile in use, kStages - 1 are under way.
//   for the first kStages - 1 tiles: fetch(...)..., commit()
//   for every tile: fetch(...)..., commit() for the tile kStages - 1 further on; next(); then read(...)
template <class Io, int V, int kTensors, int kFrames, int kStages, int kThreads>
class TileRing {
 public:
  using Line = Pack<Io, V>;
  using Slots = Line[kStages][kTensors][kFrames][kThreads];
  static constexpr int kAhead = kStages - 1;

  __device__ __forceinline__ TileRing(Slots& slots, int thread) : slots_(slots), thread_(thread) {}

  __device__ __forceinline__ void fetch(int tensor, int frame, const Io* from, bool present) {
    copy_async(&slots_[filled_][tensor][frame][thread_], from, present);
  }
  __device__ __forceinline__ void commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
    filled_ = filled_ + 1 == kStages ? 0 : filled_ + 1;
  }
  // Waits for the next tile, which stays until kStages - 1 further ones have been committed.
  __device__ __forceinline__ void next() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kAhead) : "memory");
    used_ = used_ + 1 == kStages ? 0 : used_ + 1;
  }
  __device__ __forceinline__ void read(int tensor, int frame, float (&to)[V]) const {
    widen_line(slots_[used_][tensor][frame][thread_], to);
  }

 private:
  Slots& slots_;
  int thread_, filled_ = 0, used_ = kStages - 1;
};

}  // namespace trecvit::kernels
