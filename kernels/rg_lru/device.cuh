// What the RG-LRU's directions share on the device: gates, and the chain that carries a state from tile to tile.
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

// Note [Time chain]: with few rows a block serves one tile of frames only, so that all tiles load and calculate their
// gates at once. What passes from tile to tile is the state: each thread waits until its cells' arrives in `mail`,
// takes it through its frames, a multiply-add each, and posts it before it does anything else. The operations and their
// order are those of one thread that runs through all frames, so the results are the same bits. Blocks draw tickets,
// so that whoever waits was preceded by the block it waits for. A word of mail is its own flag: it starts as kNoMail.
inline constexpr unsigned kNoMail = 0xffffffffu;  // a NaN that post() never sends

// scratch: 4 words, of which the first counts tickets, then mail [tiles][cells].
inline constexpr std::int64_t kMailHeader = 4;
inline std::int64_t chain_scratch(std::int64_t tiles, std::int64_t cells) { return kMailHeader + tiles * cells; }
inline void clear_mail(float* scratch, std::int64_t tiles, std::int64_t cells, cudaStream_t stream) {
  if (cudaMemsetAsync(scratch, 0xff, chain_scratch(tiles, cells) * sizeof(float), stream) != cudaSuccess) {
    check_launch("memset of the time chain");
  }
}

// Called by all threads of a block.
__device__ __forceinline__ unsigned draw_ticket(float* scratch) {
  __shared__ unsigned ticket;
  if (threadIdx.x + threadIdx.y == 0) ticket = atomicAdd(reinterpret_cast<unsigned*>(scratch), 1u) + 1u;
  __syncthreads();
  return ticket;
}

template <int V>
__device__ __forceinline__ void receive(const float* mail, float (&state)[V]) {
#pragma unroll
  for (int k = 0; k < V; ++k) {
    do {
      asm volatile("ld.relaxed.gpu.global.f32 %0, [%1];" : "=f"(state[k]) : "l"(mail + k) : "memory");
    } while (__float_as_uint(state[k]) == kNoMail);
  }
}

template <int V>
__device__ __forceinline__ void post(const float (&state)[V], float* mail) {
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const unsigned bits = __float_as_uint(state[k]);
    asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(mail + k), "r"(bits == kNoMail ? bits >> 1 : bits)
                 : "memory");
  }
}

}  // namespace trecvit::kernels
