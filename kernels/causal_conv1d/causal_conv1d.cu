// Causal depthwise convolution: one thread slides a window over V channels of one row, a tile of frames at a time. With
// few rows the frames are cut into chunks, each with its own three frames of history.
#include <algorithm>

#include "kernels/causal_conv1d/causal_conv1d_cuda.h"
#include "kernels/causal_conv1d/plan.h"
#include "kernels/partials.cuh"
#include "kernels/ring.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kKinds = kConvWidth + 1;  // four weights and the bias
constexpr int kThreads = kLanes * kBlockRows;
constexpr int kFrames = kConvTileFrames;  // of a tile
constexpr int kHistory = kConvState;      // an int, as frames are

// The last frames of the window become its first.
template <int V>
__device__ __forceinline__ void slide(float (&window)[kConvState + kFrames][V]) {
#pragma unroll
  for (int n = 0; n < kConvState; ++n) {
#pragma unroll
    for (int k = 0; k < V; ++k) window[n][k] = window[n + kFrames][k];
  }
}

// Input frame t, of the state where t < 0.
template <int V, class Io>
__device__ __forceinline__ Pack<Io, V> load_input(const CausalConv1dInputs<Io>& p, std::int64_t t, std::int64_t row,
                                                  std::int64_t channel) {
  if (t >= 0) return load_pack<V>(p.z + (t * p.rows + row) * p.z_stride + channel);
  if (!p.state) return {};
  const int line = conv_line(p.streams.oldest_line(row, kConvState), static_cast<int>(t) + kHistory);
  return load_pack<V>(p.state + (p.streams.state_row(row) * kConvState + line) * p.channels + channel);
}

template <class Io, int V>
__global__ __launch_bounds__(kThreads) void forward(const CausalConv1dForward<Io> p, int chunk_frames) {
  using Ring = TileRing<Io, V, 1, kFrames, 3, kThreads>;
  __shared__ typename Ring::Slots slots;
  Ring ring(slots, threadIdx.x);
  const std::int64_t across = p.channels / V;
  const std::int64_t vector = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (vector >= p.rows * across) return;
  const std::int64_t row = vector / across, channel = vector % across * V;
  const int frames = p.frames, begin = blockIdx.y * chunk_frames, end = min(begin + chunk_frames, frames);

  const auto fetch = [&](int t) {
    const Io* z = p.z + (t * p.rows + row) * p.z_stride + channel;
#pragma unroll
    for (int f = 0; f < kFrames; ++f) {
      ring.fetch(0, f, z + f * p.rows * p.z_stride, t + f < end);
    }
    ring.commit();
  };
  for (int n = 0; n < Ring::kAhead; ++n) fetch(begin + n * kFrames);

  float w[kConvWidth][V], b[V], window[kConvState + kFrames][V];
  load_wide(p.b + channel, b);
#pragma unroll
  for (int n = 0; n < kConvWidth; ++n) load_wide(p.w + n * p.channels + channel, w[n]);
#pragma unroll
  for (int n = 0; n < kConvState; ++n) {
    widen_line(load_input<V>(p, begin + n - kConvState, row, channel), window[kFrames + n]);
  }
  for (int t = begin; t < end; t += kFrames) {
    fetch(t + Ring::kAhead * kFrames);
    ring.next();
    slide(window);
#pragma unroll
    for (int f = 0; f < kFrames; ++f) ring.read(0, f, window[kConvState + f]);
    Io* to = p.out + (t * p.rows + row) * p.channels + channel;
#pragma unroll
    for (int f = 0; f < kFrames; ++f) {
      if (t + f >= end) break;
      float out[V];
#pragma unroll
      for (int k = 0; k < V; ++k) {
        out[k] = b[k];
#pragma unroll
        for (int n = 0; n < kConvWidth; ++n) out[k] += w[n][k] * window[f + n][k];
      }
      store_line(out, to + f * p.rows * p.channels);
      if (t + f + 1 < frames) continue;
      const int oldest = p.streams.oldest_line(row, kConvState, frames);
      const std::int64_t state_row = p.streams.state_row(row);
#pragma unroll
      for (int n = 0; n < kConvState; ++n) {
        const std::int64_t line = state_row * kConvState + conv_line(oldest, n);
        store_line(window[f + 1 + n], p.state_out + line * p.channels + channel);
      }
    }
  }
}

// Blocks lie along x, those of the same rows side by side; chunks of steps along y.
// Step t, of T + 3, adds dout_t to the sums and finishes the gradient of input frame t - 3, which reached dout_{t-3} ..
// dout_t; those of frames before the first are the state's. Beyond the last frame dout is zero.
template <class Io, int V>
__global__ __launch_bounds__(kThreads) void backward(const CausalConv1dBackward<Io> p, int chunk_steps) {
  enum Tensor { kZ, kDout };
  using Ring = TileRing<Io, V, 2, kFrames, sizeof(Io) == 2 ? 3 : 2, kThreads>;
  __shared__ typename Ring::Slots slots;
  Ring ring(slots, threadIdx.y * kLanes + threadIdx.x);
  const unsigned across = static_cast<unsigned>(ceil_div(p.channels, kLanes * V)), down = gridDim.x / across;
  const std::int64_t channel = (static_cast<std::int64_t>(blockIdx.x % across) * kLanes + threadIdx.x) * V;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x / across) * kBlockRows + threadIdx.y;
  const int frames = p.frames, begin = blockIdx.y * chunk_steps, end = min(begin + chunk_steps, frames + kHistory);
  float sums[kKinds][V] = {};
  if (row < p.rows && channel < p.channels) {
    const auto fetch = [&](int t) {
      const std::int64_t line = t * p.rows + row;
      const Io *z = p.z + line * p.z_stride + channel, *dout = p.dout + line * p.channels + channel;
#pragma unroll
      for (int f = 0; f < kFrames; ++f) {
        const bool present = t + f < min(end, frames);
        ring.fetch(kZ, f, z + f * p.rows * p.z_stride, present);
        ring.fetch(kDout, f, dout + f * p.rows * p.channels, present);
      }
      ring.commit();
    };
    for (int n = 0; n < Ring::kAhead; ++n) fetch(begin + n * kFrames);

    float w[kConvWidth][V], z[kConvState + kFrames][V], dout[kConvState + kFrames][V];
#pragma unroll
    for (int n = 0; n < kConvWidth; ++n) load_wide(p.w + n * p.channels + channel, w[n]);
#pragma unroll
    for (int n = 0; n < kConvState; ++n) {
      const int t = begin + n - kHistory;
      Pack<Io, V> input = {}, gradient = {};
      if (t < frames) input = load_input<V>(p, t, row, channel);
      if (t >= 0 && t < frames) {
        gradient = load_pack<V>(p.dout + (std::int64_t{t} * p.rows + row) * p.channels + channel);
      }
      widen_line(input, z[kFrames + n]);
      widen_line(gradient, dout[kFrames + n]);
    }
    for (int t = begin; t < end; t += kFrames) {
      fetch(t + Ring::kAhead * kFrames);
      ring.next();
      slide(z);
      slide(dout);
#pragma unroll
      for (int f = 0; f < kFrames; ++f) {
        ring.read(kZ, f, z[kConvState + f]), ring.read(kDout, f, dout[kConvState + f]);
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const float gradient = dout[kConvState + f][k];
#pragma unroll
          for (int n = 0; n < kConvWidth; ++n) sums[n][k] += gradient * z[f + n][k];
          sums[kConvWidth][k] += gradient;
        }
      }
      Io* dz = p.dz + ((t - kConvState) * p.rows + row) * p.dz_stride + channel;
#pragma unroll
      for (int f = 0; f < kFrames; ++f) {
        if (t + f >= end) break;
        float gradient[V];
#pragma unroll
        for (int k = 0; k < V; ++k) {
          gradient[k] = 0;
#pragma unroll
          for (int n = 0; n < kConvWidth; ++n) gradient[k] += w[kConvState - n][k] * dout[f + n][k];
        }
        const std::int64_t kept = row * kConvState + t + f;  // the line of the state, of the first three frames
        if (t + f >= frames && p.dstate_out) {
          float later[V];
          widen_line(load_pack<V>(p.dstate_out + (kept - frames) * p.channels + channel), later);
#pragma unroll
          for (int k = 0; k < V; ++k) gradient[k] += later[k];
        }
        if (t + f >= kConvState) {
          store_line(gradient, dz + f * p.rows * p.dz_stride);
        } else if (p.dstate) {
          store_line(gradient, p.dstate + kept * p.channels + channel);
        }
      }
    }
  }
  const std::int64_t slot = static_cast<std::int64_t>(blockIdx.y) * down + blockIdx.x / across;
  write_block_partials<V, kKinds>(sums, p.partials, slot, p.channels, channel);
}

template <class Io, int V>
bool fits(const CausalConv1dInputs<Io>& p) {
  return p.channels % V == 0 && vector_fits(p.z, p.z_stride, V) && vector_fits(p.state, V, V) &&
         vector_fits(p.w, V, V < 4 ? V : 4) && vector_fits(p.b, V, V < 4 ? V : 4);
}

template <class Io, int V>
bool launch(const CausalConv1dForward<Io>& p, cudaStream_t stream) {
  if (!fits<Io, V>(p) || !vector_fits(p.out, V, V) || !vector_fits(p.state_out, V, V)) return false;
  const std::int64_t vectors = p.rows * p.channels / V;
  frame_count(p.frames);
  // In place, the first chunk must have read the state before the last one writes it.
  const std::int64_t chunk = p.state_out == p.state ? p.frames : conv_chunk_frames(p.frames, vectors);
  const dim3 grid = grid_of(ceil_div(vectors, kThreads), ceil_div(p.frames, chunk));
  forward<Io, V><<<grid, kThreads, 0, stream>>>(p, frame_count(chunk));
  check_launch("causal_conv1d forward");
  return true;
}

template <class Io, int V>
bool fits(const CausalConv1dBackward<Io>& p) {
  return fits<Io, V>(static_cast<const CausalConv1dInputs<Io>&>(p)) && vector_fits(p.dout, V, V) &&
         vector_fits(p.dstate_out, V, V) && vector_fits(p.dz, p.dz_stride, V) && vector_fits(p.dstate, V, V);
}

// Eight channels would not fit a thread's registers.
template <class Io>
int backward_vector(const CausalConv1dBackward<Io>& p) {
  return fits<Io, 4>(p) ? 4 : fits<Io, 2>(p) ? 2 : 1;
}

template <class Io>
std::int64_t backward_chunk(const CausalConv1dBackward<Io>& p) {
  return conv_chunk_frames(p.frames + kConvState, ceil_div(p.rows * p.channels, 4));
}

template <class Io>
std::int64_t slots(const CausalConv1dBackward<Io>& p) {
  return ceil_div(p.frames + kConvState, backward_chunk(p)) * ceil_div(p.rows, kBlockRows);
}

template <class Io, int V>
void launch(const CausalConv1dBackward<Io>& p, cudaStream_t stream) {
  const std::int64_t chunk = backward_chunk(p);
  frame_count(p.frames);
  const std::int64_t across = ceil_div(p.channels, kLanes * V), down = ceil_div(p.rows, kBlockRows);
  const dim3 grid = grid_of(across * down, ceil_div(p.frames + kConvState, chunk));
  backward<Io, V><<<grid, dim3(kLanes, kBlockRows), 0, stream>>>(p, frame_count(chunk));
  check_launch("causal_conv1d backward");
}

}  // namespace

template <class Io>
std::int64_t causal_conv1d_partials_cuda(const CausalConv1dBackward<Io>& p) {
  return slots(p) * kKinds * p.channels;
}

template <class Io>
void causal_conv1d_forward_cuda(const CausalConv1dForward<Io>& p, cudaStream_t stream) {
  if constexpr (sizeof(Io) == 2) {
    if (launch<Io, 8>(p, stream)) return;
  }
  if (launch<Io, 4>(p, stream) || launch<Io, 2>(p, stream)) return;
  launch<Io, 1>(p, stream);
}

template <class Io>
void causal_conv1d_backward_cuda(const CausalConv1dBackward<Io>& p, cudaStream_t stream) {
  const int vector = backward_vector(p);
  if (vector == 4) launch<Io, 4>(p, stream);
  if (vector == 2) launch<Io, 2>(p, stream);
  if (vector == 1) launch<Io, 1>(p, stream);
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
