// A thread's own queue of loads in shared memory: cp.async brings tiles of the coming frames while the present one is
// calculated, so that bytes in flight cost no registers. No thread touches another's slots, so there are no barriers.
#pragma once

#include "kernels/copy_async.cuh"

namespace trecvit::kernels {

// copy_async() where its granularity of 4 bytes allows, an ordinary load where not. An absent line becomes zeros.
template <class Line>
__device__ __forceinline__ void copy_line(Line* to, const void* from, bool present) {
  if constexpr (sizeof(Line) >= 4) {
    copy_async<sizeof(Line)>(shared_address(to), from, present);
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
    copy_line(&slots_[filled_][tensor][frame][thread_], from, present);
  }
  __device__ __forceinline__ void commit() {
    commit_copies();
    filled_ = filled_ + 1 == kStages ? 0 : filled_ + 1;
  }
  // Waits for the next tile, which stays until kStages - 1 further ones have been committed.
  __device__ __forceinline__ void next() {
    wait_for_copies<kAhead>();
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
