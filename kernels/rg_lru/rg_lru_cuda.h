// RG-LRU on CUDA devices of compute capability 7.5 and up: launchers that only enqueue work on `stream`. Deterministic.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>

#include "kernels/rg_lru/params.h"

namespace trecvit::kernels {

// How the work is cut: `vector` channels to a thread (1, 2, 4, or for bf16 8; must divide the channels and suit the
// pointers). One thread runs through all frames, or, chained, through one tile of them: Note [Time chain] in
// device.cuh. Results of one vector width are the same bits, chained or not.
struct RgLruPlan {
  int vector = 1;
  bool chained = false;  // vector must be at most kRgLruChainVector
};
inline constexpr int kRgLruChainVector = 2;

// The one rule, from sizes alone: the widest vectors that still give threads enough; a chained scan for long sequences of
// fewer than `few` cells (rows * channels), where no vectors do.
template <class Io>
RgLruPlan rg_lru_plan(const RgLruInputs<Io>& p, int widest, std::int64_t few) {
  constexpr std::int64_t kEnough = 24 * 1024, kLong = 256;
  const std::int64_t cells = p.rows * p.channels;
  if (cells < few && p.frames >= kLong) return {std::min(widest, kRgLruChainVector), /*chained=*/true};
  int vector = widest;
  while (vector > 2 && cells / vector < kEnough) vector /= 2;
  return {vector, /*chained=*/false};
}

// Elements of scratch (forward) and partials (backward) that a plan needs.
template <class Io>
std::int64_t rg_lru_forward_scratch_cuda(const RgLruForward<Io>& p, const RgLruPlan& plan);
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
