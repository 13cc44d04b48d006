// Shared by RG-LRU forward and backward on the device: gates, and the look-back that carries a state from tile to tile.
#pragma once

#include "kernels/device.cuh"
#include "kernels/launch.h"
#include "kernels/rg_lru/params.h"

namespace trecvit::kernels {

struct DecayedState {
  float a, u;  // u = 1 - a^2
};

// log_a <= 0. Keeps u's digits as a nears 1. For bf16 tensors (1 - a^2) / (1 + a^2) = tanh(-log_a), which the hardware
// gives to 11 bits; for fp32 an exponential below -1/4 and a polynomial of expm1 above it.
template <class Io>
__device__ __forceinline__ DecayedState decayed(float log_a) {
  const float e = exp2_fast(log_a * kLog2E);
  if constexpr (sizeof(Io) == 2) return {e, tanh_fast(-log_a) * (1.0f + e * e)};
  float p = 1.0f / 720;
  p = p * log_a + 1.0f / 120;
  p = p * log_a + 1.0f / 24;
  p = p * log_a + 1.0f / 6;
  p = p * log_a + 0.5f;
  p = p * log_a * log_a + log_a;
  const bool near = log_a > -0.25f;
  const float a_less_1 = near ? p : e - 1.0f, a = near ? 1.0f + p : e;
  return {a, -a_less_1 * (1.0f + a)};
}

// The parameters of a thread's V channels.
template <int V>
struct ChannelParameters {
  float input_bias[V], a_bias[V];  // times -log2(e), for logistic2
  float decay[V];                  // -8 softplus(a_param)

  template <class Io>
  __device__ __forceinline__ ChannelParameters(const RgLruInputs<Io>& p, std::int64_t channel) {
    load_wide(p.input_bias + channel, input_bias);
    load_wide(p.a_bias + channel, a_bias);
    load_wide(p.a_param + channel, decay);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      input_bias[k] *= -kLog2E;
      a_bias[k] *= -kLog2E;
      decay[k] = -8.0f * softplus(decay[k]);
    }
  }

  // The gates of channel k.
  __device__ __forceinline__ float i(int k, float logit) const {
    return logistic2(fmaf(logit, -kLog2E, input_bias[k]));
  }
  __device__ __forceinline__ float r(int k, float logit) const { return logistic2(fmaf(logit, -kLog2E, a_bias[k])); }
};

// The frames of one tile: 16 bytes of every tensor to a thread, or in chains what `chain_bytes` says.
template <class Io, int V>
constexpr int tile_frames(bool chained, int chain_bytes) {
  return (chained ? chain_bytes : 16) / static_cast<int>(V * sizeof(Io));
}

// Whether each frame of a tile is a reset. Read one tile ahead: further ahead, through the ring, was slower at 197
// rows, where blocks then drift apart.
template <int kFrames>
struct Resets {
  std::uint8_t at[kFrames] = {};

  // step: from one frame of the tile to the next, +-rows.
  __device__ __forceinline__ void load(const std::uint8_t* reset, std::int64_t line, std::int64_t step, int present) {
    if (!reset) return;
#pragma unroll
    for (int f = 0; f < kFrames; ++f) at[f] = f < present ? reset[line + f * step] : 0;
  }
};

// Note [Chained scan]: with few rows a block takes one tile of frames, so that all tiles load their inputs and compute their
// gates at once. The state passes from tile to tile through look-back slots (decoupled look-back): a thread waits until
// the slot of its cells is filled, runs the state through its frames, a multiply-add each, and publishes it first of all.
// The operations and their order are those of one thread that runs through all frames, so the bits are the same. Tiles
// come from an atomic counter: the block that a block waits for has always started before it. A slot is its own flag:
// it starts as kEmptySlot.
inline constexpr unsigned kEmptySlot = 0xffffffffu;  // a NaN that publish_carry() never sends

// scratch: 4 words, the first of which is the tile counter, then slots [tiles][cells].
inline constexpr std::int64_t kLookbackHeader = 4;
inline std::int64_t lookback_scratch(std::int64_t tiles, std::int64_t cells) { return kLookbackHeader + tiles * cells; }
inline void clear_lookback_slots(float* scratch, std::int64_t tiles, std::int64_t cells, cudaStream_t stream) {
  if (cudaMemsetAsync(scratch, 0xff, lookback_scratch(tiles, cells) * sizeof(float), stream) != cudaSuccess) {
    check_launch("memset of the look-back slots");
  }
}

// Called by all threads of a block.
__device__ __forceinline__ unsigned next_tile(float* scratch) {
  __shared__ unsigned tile;
  if (threadIdx.x + threadIdx.y == 0) tile = atomicAdd(reinterpret_cast<unsigned*>(scratch), 1u) + 1u;
  __syncthreads();
  return tile;
}

template <int V>
__device__ __forceinline__ void wait_for_carry(const float* slot, float (&state)[V]) {
#pragma unroll
  for (int k = 0; k < V; ++k) {
    do {
      asm volatile("ld.relaxed.gpu.global.f32 %0, [%1];" : "=f"(state[k]) : "l"(slot + k) : "memory");
    } while (__float_as_uint(state[k]) == kEmptySlot);
  }
}

template <int V>
__device__ __forceinline__ void publish_carry(const float (&state)[V], float* slot) {
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const unsigned bits = __float_as_uint(state[k]);
    asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(slot + k), "r"(bits == kEmptySlot ? bits >> 1 : bits)
                 : "memory");
  }
}

}  // namespace trecvit::kernels
