// Causal depthwise convolution: one thread slides a window of four frames over V channels of one row. Frames are cut
// into chunks, each with its own three frames of history, so that few rows fill the device too.
#include "kernels/causal_conv1d/causal_conv1d_cuda.h"
#include "kernels/partials.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kKinds = kConvWidth + 1;  // four weights and the bias
constexpr std::int64_t kChunk = 32;     // frames to a thread: three more are read, 10 %

// Frame `at` of the sequence "three frames of state, then T frames" as fp32.
template <int V, class Io>
__device__ __forceinline__ void load_input(const CausalConv1dInputs<Io>& p, std::int64_t at, std::int64_t row,
                                           std::int64_t channel, float (&to)[V]) {
  Pack<Io, V> pack = {};
  if (at >= kConvState) {
    pack = load_pack<V>(p.z + ((at - kConvState) * p.rows + row) * p.z_stride + channel);
  } else if (p.state) {
    pack = load_pack<V>(p.state + (row * kConvState + at) * p.channels + channel);
  }
#pragma unroll
  for (int k = 0; k < V; ++k) to[k] = widen(pack.v[k]);
}

// The window moves on by one frame, its newest place is left free.
template <int V>
__device__ __forceinline__ void slide(float (&window)[kConvWidth][V]) {
#pragma unroll
  for (int n = 0; n + 1 < kConvWidth; ++n) {
#pragma unroll
    for (int k = 0; k < V; ++k) window[n][k] = window[n + 1][k];
  }
}

struct Place {
  std::int64_t channel, row, begin, end;
};
template <int V>
__device__ __forceinline__ Place place(std::int64_t chunk_frames, std::int64_t frames) {
  const std::int64_t begin = blockIdx.z * chunk_frames;
  return {(static_cast<std::int64_t>(blockIdx.x) * kLanes + threadIdx.x) * V,
          static_cast<std::int64_t>(blockIdx.y) * kBlockRows + threadIdx.y, begin,
          begin + chunk_frames < frames ? begin + chunk_frames : frames};
}

template <class Io, int V>
__global__ __launch_bounds__(kLanes* kBlockRows) void forward(const CausalConv1dForward<Io> p,
                                                              std::int64_t chunk_frames) {
  const Place at = place<V>(chunk_frames, p.frames);
  if (at.row >= p.rows || at.channel >= p.channels) return;
  float w[kConvWidth][V], b[V], window[kConvWidth][V];
  load_wide(p.b + at.channel, b);
#pragma unroll
  for (int n = 0; n < kConvWidth; ++n) load_wide(p.w + n * p.channels + at.channel, w[n]);
#pragma unroll
  for (int n = 0; n < kConvState; ++n) load_input<V>(p, at.begin + n, at.row, at.channel, window[n + 1]);
#pragma unroll 4
  for (std::int64_t t = at.begin; t < at.end; ++t) {
    slide(window);
    load_input<V>(p, t + kConvState, at.row, at.channel, window[kConvState]);
    Pack<Io, V> out;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      float sum = b[k];
#pragma unroll
      for (int n = 0; n < kConvWidth; ++n) sum += w[n][k] * window[n][k];
      put(sum, out.v[k]);
    }
    store_pack(p.out + (t * p.rows + at.row) * p.channels + at.channel, out);
  }
  if (at.end < p.frames) return;
#pragma unroll
  for (int n = 0; n < kConvState; ++n) {
    Pack<Io, V> kept;
#pragma unroll
    for (int k = 0; k < V; ++k) put(window[n + 1][k], kept.v[k]);
    store_pack(p.state_out + (at.row * kConvState + n) * p.channels + at.channel, kept);
  }
}

// dout_t, zero outside the frames.
template <int V, class Io>
__device__ __forceinline__ void load_gradient(const CausalConv1dBackward<Io>& p, std::int64_t t, const Place& at,
                                              float (&to)[V]) {
  Pack<Io, V> pack = {};
  if (t >= 0 && t < p.frames) pack = load_pack<V>(p.dout + (t * p.rows + at.row) * p.channels + at.channel);
#pragma unroll
  for (int k = 0; k < V; ++k) to[k] = widen(pack.v[k]);
}

// Gradient of input frame t from the four outputs dout_t .. dout_{t+3} it reached, and from the outgoing state.
template <int V, class Io>
__device__ __forceinline__ void write_input_gradient(const CausalConv1dBackward<Io>& p, std::int64_t t, const Place& at,
                                                     const float (&w)[kConvWidth][V],
                                                     const float (&reached)[kConvWidth][V]) {
  Pack<Io, V> later = {}, result;
  const std::int64_t kept = t + kConvState - p.frames;
  if (p.dstate_out && kept >= 0) {
    later = load_pack<V>(p.dstate_out + (at.row * kConvState + kept) * p.channels + at.channel);
  }
#pragma unroll
  for (int k = 0; k < V; ++k) {
    float sum = widen(later.v[k]);
#pragma unroll
    for (int n = 0; n < kConvWidth; ++n) sum += w[kConvState - n][k] * reached[n][k];
    put(sum, result.v[k]);
  }
  Io* to = t < 0 ? p.dstate + (at.row * kConvState + t + kConvState) * p.channels
                 : p.dz + (t * p.rows + at.row) * p.dz_stride;
  store_pack(to + at.channel, result);
}

template <class Io, int V>
__global__ __launch_bounds__(kLanes* kBlockRows) void backward(const CausalConv1dBackward<Io> p,
                                                               std::int64_t chunk_frames) {
  const Place at = place<V>(chunk_frames, p.frames);
  float sums[kKinds][V] = {};
  if (at.row < p.rows && at.channel < p.channels) {
    float w[kConvWidth][V], inputs[kConvWidth][V], reached[kConvWidth][V];
#pragma unroll
    for (int n = 0; n < kConvWidth; ++n) load_wide(p.w + n * p.channels + at.channel, w[n]);
    if (at.begin == 0 && p.dstate) {
      for (std::int64_t t = -kConvState; t < 0; ++t) {
#pragma unroll
        for (int n = 0; n < kConvWidth; ++n) load_gradient<V>(p, t + n, at, reached[n]);
        write_input_gradient<V>(p, t, at, w, reached);
      }
    }
#pragma unroll
    for (int n = 0; n < kConvState; ++n) {
      load_input<V>(p, at.begin + n, at.row, at.channel, inputs[n + 1]);
      load_gradient<V>(p, at.begin + n, at, reached[n + 1]);
    }
#pragma unroll 2
    for (std::int64_t t = at.begin; t < at.end; ++t) {
      slide(inputs);
      slide(reached);
      load_input<V>(p, t + kConvState, at.row, at.channel, inputs[kConvState]);
      load_gradient<V>(p, t + kConvState, at, reached[kConvState]);
      write_input_gradient<V>(p, t, at, w, reached);
#pragma unroll
      for (int k = 0; k < V; ++k) {
#pragma unroll
        for (int n = 0; n < kConvWidth; ++n) sums[n][k] += reached[0][k] * inputs[n][k];
        sums[kConvWidth][k] += reached[0][k];
      }
    }
  }
  const std::int64_t slot = static_cast<std::int64_t>(blockIdx.z) * gridDim.y + blockIdx.y;
  write_block_partials<V, kKinds>(sums, p.partials, slot, p.channels, at.channel);
}

template <int V, class Io>
dim3 grid_of(const CausalConv1dInputs<Io>& p, std::int64_t chunk_frames) {
  return {static_cast<unsigned>(ceil_div(p.channels, kLanes * V)), static_cast<unsigned>(ceil_div(p.rows, kBlockRows)),
          static_cast<unsigned>(ceil_div(p.frames, chunk_frames))};
}

template <class Io>
std::int64_t slots(const CausalConv1dBackward<Io>& p) {
  return ceil_div(p.frames, kChunk) * ceil_div(p.rows, kBlockRows);
}

template <class Io, int V>
bool fits(const CausalConv1dInputs<Io>& p) {
  return p.channels % V == 0 && vector_fits(p.z, p.z_stride, V) && vector_fits(p.state, V, V) &&
         vector_fits(p.w, V, V < 4 ? V : 4) && vector_fits(p.b, V, V < 4 ? V : 4);
}

template <class Io, int V>
bool launch(const CausalConv1dForward<Io>& p, cudaStream_t stream) {
  if (!fits<Io, V>(p) || !vector_fits(p.out, V, V) || !vector_fits(p.state_out, V, V)) return false;
  // In place, the first chunk must have read the state before the last one writes it.
  const std::int64_t chunk_frames = p.state_out == p.state ? p.frames : kChunk;
  forward<Io, V><<<grid_of<V>(p, chunk_frames), dim3(kLanes, kBlockRows), 0, stream>>>(p, chunk_frames);
  check_launch("causal_conv1d forward");
  return true;
}

template <class Io, int V>
bool launch(const CausalConv1dBackward<Io>& p, cudaStream_t stream) {
  if (!fits<Io, V>(p) || !vector_fits(p.dout, V, V) || !vector_fits(p.dstate_out, V, V)) return false;
  if (!vector_fits(p.dz, p.dz_stride, V) || !vector_fits(p.dstate, V, V)) return false;
  backward<Io, V><<<grid_of<V>(p, kChunk), dim3(kLanes, kBlockRows), 0, stream>>>(p, kChunk);
  check_launch("causal_conv1d backward");
  return true;
}

}  // namespace

template <class Io>
std::int64_t causal_conv1d_partials_cuda(const CausalConv1dBackward<Io>& p) {
  return slots(p) * kKinds * p.channels;
}

template <class Io>
void causal_conv1d_forward_cuda(const CausalConv1dForward<Io>& p, cudaStream_t stream) {
  if constexpr (sizeof(Io) == 2) {
    if (p.rows * p.channels / 8 >= kThreadsWanted && launch<Io, 8>(p, stream)) return;
  }
  if (launch<Io, 4>(p, stream) || launch<Io, 2>(p, stream)) return;
  launch<Io, 1>(p, stream);
}

template <class Io>
void causal_conv1d_backward_cuda(const CausalConv1dBackward<Io>& p, cudaStream_t stream) {
  const bool launched = launch<Io, 4>(p, stream) || launch<Io, 2>(p, stream) || launch<Io, 1>(p, stream);
  ensure(launched, "causal_conv1d backward fits no vector width");
  const std::int64_t r = p.channels;
  launch_sum_partials<kKinds>(p.partials, slots(p), r, {{p.dw, p.dw + r, p.dw + 2 * r, p.dw + 3 * r, p.db}}, stream);
}

template std::int64_t causal_conv1d_partials_cuda(const CausalConv1dBackward<float>&);
template std::int64_t causal_conv1d_partials_cuda(const CausalConv1dBackward<Bf16>&);
template void causal_conv1d_forward_cuda(const CausalConv1dForward<float>&, cudaStream_t);
template void causal_conv1d_forward_cuda(const CausalConv1dForward<Bf16>&, cudaStream_t);
template void causal_conv1d_backward_cuda(const CausalConv1dBackward<float>&, cudaStream_t);
template void causal_conv1d_backward_cuda(const CausalConv1dBackward<Bf16>&, cudaStream_t);

}  // namespace trecvit::kernels
