// RG-LRU on CUDA devices of compute capability 8.0 and up: launchers that only enqueue work on `stream`. Deterministic.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>

#include "kernels/rg_lru/params.h"

namespace trecvit::kernels {

// How the work is cut: `vector` channels to a thread (1, 2, 4; 8 for bf16 forward; must divide the channels and suit
// the pointers), and `chunk_frames` frames to a thread (all of them: no chunks; see Note [Time chunks]).
struct RgLruPlan {
  int vector = 1;
  std::int64_t chunk_frames = 1;
};

// The one rule, from sizes alone: full-width loads while there are threads enough, then narrower ones, then chunks of
// time.
template <class Io>
RgLruPlan rg_lru_plan(const RgLruInputs<Io>& p, int widest) {
  constexpr std::int64_t kChunk = 64, kWanted = 64 * 1024, kFew = 15 * 1024, kLong = 256;
  RgLruPlan plan{.vector = widest, .chunk_frames = p.frames};
  const std::int64_t cells = p.rows * p.channels;
  if (cells / 8 < kFew && p.frames >= kLong) {
    plan.chunk_frames = kChunk;
    return plan;
  }
  while (plan.vector > 2 && cells / plan.vector < kWanted) plan.vector /= 2;
  return plan;
}

// Elements of scratch (forward) and partials (backward) that a plan needs.
template <class Io>
std::int64_t rg_lru_forward_scratch_cuda(const RgLruForward<Io>& p, const RgLruPlan& plan) {
  const std::int64_t chunks = (p.frames + plan.chunk_frames - 1) / plan.chunk_frames;
  return chunks > 1 ? chunks * 2 * p.rows * p.channels : 0;
}
template <class Io>
std::int64_t rg_lru_backward_partials_cuda(const RgLruBackward<Io>& p, const RgLruPlan& plan);

// Io: float or Bf16.
template <class Io>
RgLruPlan rg_lru_forward_plan_cuda(const RgLruForward<Io>& params);
template <class Io>
RgLruPlan rg_lru_backward_plan_cuda(const RgLruBackward<Io>& params);

// T = 1 with h_last = h0 is a streaming step in place.
template <class Io>
void rg_lru_forward_cuda(const RgLruForward<Io>& params, const RgLruPlan& plan, cudaStream_t stream);
template <class Io>
void rg_lru_backward_cuda(const RgLruBackward<Io>& params, const RgLruPlan& plan, cudaStream_t stream);

}  // namespace trecvit::kernels
