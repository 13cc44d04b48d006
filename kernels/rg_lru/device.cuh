// The RG-LRU's gates on the device, and the frame range that a block serves.
#pragma once

#include "kernels/device.cuh"
#include "kernels/launch.h"
#include "kernels/rg_lru/params.h"

namespace trecvit::kernels {

// Note [Time chunks]: with many rows one thread runs through all frames. With few rows and many frames the frames are
// cut into chunks: a first kernel finds each chunk's effect on a state, h_out = product * h_in + end; a second carries
// the state from chunk to chunk; a third runs all chunks at once, each from its own state. Backward does the same with
// d/dh, from the last chunk to the first.
struct DecayedState {
  float a, u, m;  // u = 1 - a^2
};

// log_a <= 0. Below -1/4 an exponential, above it a polynomial of expm1, so that u keeps its digits as a nears 1.
__device__ __forceinline__ DecayedState decayed(float log_a) {
  float p = 1.0f / 720;
  p = p * log_a + 1.0f / 120;
  p = p * log_a + 1.0f / 24;
  p = p * log_a + 1.0f / 6;
  p = p * log_a + 0.5f;
  p = p * log_a * log_a + log_a;
  const bool near = log_a > -0.25f;
  const float e = exp2_fast(log_a * kLog2E);
  const float a_less_1 = near ? p : e - 1.0f, a = near ? 1.0f + p : e;
  const float u = -a_less_1 * (1.0f + a);
  return {a, u, sqrt_fast(u)};
}

// The parameters of a thread's V channels.
template <int V>
struct ChannelParameters {
  float input_bias[V], a_bias[V], decay[V];  // decay = -8 softplus(a_param)

  template <class Io>
  __device__ __forceinline__ ChannelParameters(const RgLruInputs<Io>& p, std::int64_t channel) {
    load_wide(p.input_bias + channel, input_bias);
    load_wide(p.a_bias + channel, a_bias);
    load_wide(p.a_param + channel, decay);
#pragma unroll
    for (int k = 0; k < V; ++k) decay[k] = -8.0f * softplus(decay[k]);
  }
};

// Frames [begin, end) of chunk `chunk`.
struct FrameRange {
  std::int64_t begin, end;
};
__device__ __forceinline__ FrameRange frame_range(std::int64_t chunk, std::int64_t length, std::int64_t frames) {
  const std::int64_t begin = chunk * length;
  return {begin, begin + length < frames ? begin + length : frames};
}

// scratch: per chunk the states' factor and end, [chunks][2][cells]. Replaces the end by the state that enters the
// chunk, starting from `initial` (null: zeros); kReverse starts at the last chunk.
template <bool kReverse>
__global__ void carry_chunks(const float* initial, float* scratch, std::int64_t chunks, std::int64_t cells) {
  const std::int64_t cell = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (cell >= cells) return;
  float h = initial ? initial[cell] : 0.0f;
  for (std::int64_t n = 0; n < chunks; ++n) {
    float* chunk = scratch + (kReverse ? chunks - 1 - n : n) * 2 * cells + cell;
    const float factor = chunk[0], end = chunk[cells];
    chunk[cells] = h;
    h = factor * h + end;
  }
}

template <bool kReverse>
void launch_carry_chunks(const float* initial, float* scratch, std::int64_t chunks, std::int64_t cells,
                         cudaStream_t stream) {
  carry_chunks<kReverse>
      <<<static_cast<unsigned>(ceil_div(cells, 128)), 128, 0, stream>>>(initial, scratch, chunks, cells);
  check_launch("carry_chunks");
}

}  // namespace trecvit::kernels
