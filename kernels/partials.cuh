// Parameter gradients without atomics: every block writes its sums over rows and frames to a slot of its own, and a
// second kernel adds the slots in a fixed order. Slots depend on sizes alone, so results repeat bit for bit.
#pragma once

#include "kernels/device.cuh"
#include "kernels/launch.h"

namespace trecvit::kernels {

// Blocks of backward kernels: kLanes vectors of channels side by side, kBlockRows rows.
inline constexpr int kLanes = 16, kBlockRows = 8;

// Adds `sums` of the block's rows and lets the first row write partials[slot][kind][channels]. Called by all threads.
template <int V, int kKinds>
__device__ __forceinline__ void write_block_partials(const float (&sums)[kKinds][V], float* partials, std::int64_t slot,
                                                     std::int64_t channels, std::int64_t channel) {
  __shared__ float shared[kBlockRows][kLanes * V];
#pragma unroll
  for (int kind = 0; kind < kKinds; ++kind) {
    __syncthreads();
#pragma unroll
    for (int k = 0; k < V; ++k) shared[threadIdx.y][k * kLanes + threadIdx.x] = sums[kind][k];
    __syncthreads();
    if (threadIdx.y != 0 || channel >= channels) continue;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      float sum = 0;
#pragma unroll
      for (int row = 0; row < kBlockRows; ++row) sum += shared[row][k * kLanes + threadIdx.x];
      partials[(slot * kKinds + kind) * channels + channel + k] = sum;
    }
  }
}

// results[kind][channel] = sum over slots. blockIdx.y is the kind, threadIdx.y shares the slots.
inline constexpr int kReduceLanes = 32, kReduceRows = 16;
template <int kKinds>
struct PartialResults {
  float* at[kKinds];
};
template <int kKinds>
__global__ void sum_partials(const float* partials, std::int64_t slots, std::int64_t channels,
                             PartialResults<kKinds> results) {
  __shared__ float shared[kReduceRows][kReduceLanes];
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.x) * kReduceLanes + threadIdx.x;
  const int kind = blockIdx.y;
  float sum = 0;
  if (channel < channels) {
    for (std::int64_t slot = threadIdx.y; slot < slots; slot += kReduceRows) {
      sum += partials[(slot * kKinds + kind) * channels + channel];
    }
  }
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || channel >= channels) return;
  sum = 0;
#pragma unroll
  for (int row = 0; row < kReduceRows; ++row) sum += shared[row][threadIdx.x];
  float* result = nullptr;
#pragma unroll
  for (int k = 0; k < kKinds; ++k) result = k == kind ? results.at[k] : result;
  result[channel] = sum;
}

template <int kKinds>
void launch_sum_partials(const float* partials, std::int64_t slots, std::int64_t channels,
                         const PartialResults<kKinds>& results, cudaStream_t stream) {
  const dim3 grid = grid_of(ceil_div(channels, kReduceLanes), kKinds), block(kReduceLanes, kReduceRows);
  sum_partials<kKinds><<<grid, block, 0, stream>>>(partials, slots, channels, results);
  check_launch("sum_partials");
}

}  // namespace trecvit::kernels
