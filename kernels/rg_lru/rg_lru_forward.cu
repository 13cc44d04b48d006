// RG-LRU forward: one thread takes V channels of one row through the frames, a tile of them at a time. Gates first, for
// they do not depend on the state; then the recurrence; then the outputs.
#include "kernels/rg_lru/device.cuh"
#include "kernels/rg_lru/rg_lru_cuda.h"
#include "kernels/ring.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kThreads = 64;
constexpr int kStages = 6;       // of the ring
constexpr int kChainedBytes = 64;  // of each tensor to a thread of a chain
enum Tensor { kX, kInputLogits, kALogits, kY };

template <class Io, int V, bool kGated, bool kChained>
__global__ __launch_bounds__(kThreads) void forward(const RgLruForward<Io> p) {
  constexpr int kFrames = tile_frames<Io, V>(kChained, kChainedBytes);
  using Ring = TileRing<Io, V, kGated ? 4 : 3, kFrames, kChained ? 1 : kStages, kThreads>;
  __shared__ typename Ring::Slots slots;
  Ring ring(slots, threadIdx.x);

  const int frames = p.frames;
  std::int64_t block = blockIdx.x;
  int begin = 0, end = frames;
  if constexpr (kChained) {
    const unsigned tile = next_tile(p.scratch), blocks = gridDim.x / ceil_div(frames, kFrames);
    block = tile % blocks, begin = tile / blocks * kFrames;
    end = min(begin + kFrames, frames);
  }
  const std::int64_t column_blocks = p.channels / V, vector = block * kThreads + threadIdx.x;
  if (vector >= p.rows * column_blocks) return;
  const std::int64_t row = vector / column_blocks, channel = vector % column_blocks * V;
  const std::int64_t cells = p.rows * p.channels, cell = row * p.channels + channel;
  const std::int64_t state_cell = p.streams.state_row(row) * p.channels + channel;

  const auto fetch = [&](int t) {
    const std::int64_t line = t * p.rows + row, at = line * p.channels + channel;
#pragma unroll
    for (int f = 0; f < kFrames; ++f) {
      const bool present = t + f < end;
      ring.fetch(kX, f, p.x + at + f * cells, present);
      ring.fetch(kInputLogits, f, p.input_logits + at + f * cells, present);
      ring.fetch(kALogits, f, p.a_logits + at + f * cells, present);
      if constexpr (kGated) ring.fetch(kY, f, p.y + (line + f * p.rows) * p.y_stride + channel, present);
    }
    ring.commit();
  };
  for (int n = 0; n < Ring::kAhead; ++n) fetch(begin + n * kFrames);
  Resets<kFrames> next_resets;
  next_resets.load(p.reset, std::int64_t{begin} * p.rows + row, p.rows, end - begin);

  const ChannelParameters<V> parameters(p, channel);
  float h[V] = {};
  if (begin == 0 && p.h0) load_wide(p.h0 + state_cell, h);

  for (int t = begin; t < end; t += kFrames) {
    fetch(t + Ring::kAhead * kFrames);
    const Resets<kFrames> resets = next_resets;
    if (t + kFrames < end) {
      next_resets.load(p.reset, std::int64_t{t + kFrames} * p.rows + row, p.rows, end - t - kFrames);
    }
    ring.next();

    float a[kFrames][V], states[kFrames][V];  // states: first what each frame adds to a h
#pragma unroll
    for (int f = 0; f < kFrames; ++f) {
      float x[V], input_logits[V], a_logits[V];
      ring.read(kX, f, x), ring.read(kInputLogits, f, input_logits), ring.read(kALogits, f, a_logits);
#pragma unroll
      for (int k = 0; k < V; ++k) {
        const DecayedState decay = decayed<Io>(parameters.decay[k] * parameters.r(k, a_logits[k]));
        const float input = parameters.i(k, input_logits[k]) * x[k];
        a[f][k] = decay.a;
        states[f][k] = resets.at[f] ? input : sqrt_fast(decay.u) * input;
      }
    }
    if constexpr (kChained) {
      if (begin > 0) wait_for_carry(p.scratch + kLookbackHeader + (begin / kFrames - 1) * cells + cell, h);
    }
#pragma unroll
    for (int f = 0; f < kFrames; ++f) {
#pragma unroll
      for (int k = 0; k < V; ++k) {
        if (!resets.at[f]) states[f][k] = fmaf(a[f][k], h[k], states[f][k]);  // a reset forgets even a NaN
        h[k] = states[f][k];
      }
      if (t + f + 1 == frames) store_wide(h, p.h_last + state_cell);
    }
    if constexpr (kChained) {
      if (end < frames) publish_carry(h, p.scratch + kLookbackHeader + begin / kFrames * cells + cell);
    }
    float out[kFrames][V];
#pragma unroll
    for (int f = 0; f < kFrames; ++f) {
      float y[V];
      if constexpr (kGated) ring.read(kY, f, y);
#pragma unroll
      for (int k = 0; k < V; ++k) out[f][k] = kGated ? states[f][k] * gelu(y[k]).value : states[f][k];
    }
#pragma unroll
    for (int f = 0; f < kFrames; ++f) {
      if (t + f >= end) break;
      const std::int64_t at = std::int64_t{t + f} * cells + cell;
      store_line(out[f], p.out + at);
      if (p.h) store_line(states[f], p.h + at);
    }
  }
}

template <class Io, int V, bool kGated>
void launch(const RgLruForward<Io>& p, bool chained, cudaStream_t stream) {
  const std::int64_t blocks = ceil_div(p.rows * p.channels / V, kThreads);
  frame_count(p.frames);
  if constexpr (V <= kRgLruChainVector) {
    if (chained) {
      const std::int64_t tiles = ceil_div(p.frames, tile_frames<Io, V>(true, kChainedBytes));
      clear_lookback_slots(p.scratch, tiles, p.rows * p.channels, stream);
      forward<Io, V, kGated, true><<<grid_of(blocks * tiles), kThreads, 0, stream>>>(p);
      return check_launch("rg_lru forward, chained");
    }
  }
  forward<Io, V, kGated, false><<<grid_of(blocks), kThreads, 0, stream>>>(p);
  check_launch("rg_lru forward");
}

template <class Io, int V>
void launch(const RgLruForward<Io>& p, bool chained, cudaStream_t stream) {
  p.y ? launch<Io, V, true>(p, chained, stream) : launch<Io, V, false>(p, chained, stream);
}

template <class Io, int V>
bool fits(const RgLruForward<Io>& p) {
  const Io* lines[] = {p.x, p.input_logits, p.a_logits, p.out, p.h};
  const float* wide[] = {p.h0, p.h_last, p.input_bias, p.a_bias, p.a_param};
  bool good = p.channels % V == 0 && vector_fits(p.y, p.y_stride, V);
  for (const Io* pointer : lines) good = good && vector_fits(pointer, V, V);
  for (const float* pointer : wide) good = good && vector_fits(pointer, V, V < 4 ? V : 4);
  return good;
}

}  // namespace

template <class Io>
std::int64_t rg_lru_forward_scratch_cuda(const RgLruForward<Io>& p, const RgLruPlan& plan) {
  if (!plan.chained) return 0;
  return lookback_scratch(ceil_div(p.frames, kChainedBytes / (plan.vector * sizeof(Io))), p.rows * p.channels);
}

template <class Io>
RgLruPlan rg_lru_forward_plan_cuda(const RgLruForward<Io>& p) {
  constexpr std::int64_t kFew = 128 * 1024;
  return rg_lru_plan(p, sizeof(Io) == 2 && fits<Io, 8>(p) ? 8 : fits<Io, 4>(p) ? 4 : fits<Io, 2>(p) ? 2 : 1, kFew);
}

template <class Io>
void rg_lru_forward_cuda(const RgLruForward<Io>& p, const RgLruPlan& plan, cudaStream_t stream) {
  if constexpr (sizeof(Io) == 2) {
    if (plan.vector == 8) return launch<Io, 8>(p, plan.chained, stream);
  }
  if (plan.vector == 4) return launch<Io, 4>(p, plan.chained, stream);
  if (plan.vector == 2) return launch<Io, 2>(p, plan.chained, stream);
  launch<Io, 1>(p, plan.chained, stream);
}

template std::int64_t rg_lru_forward_scratch_cuda(const RgLruForward<float>&, const RgLruPlan&);
template std::int64_t rg_lru_forward_scratch_cuda(const RgLruForward<Bf16>&, const RgLruPlan&);
template RgLruPlan rg_lru_forward_plan_cuda(const RgLruForward<float>&);
template RgLruPlan rg_lru_forward_plan_cuda(const RgLruForward<Bf16>&);
template void rg_lru_forward_cuda(const RgLruForward<float>&, const RgLruPlan&, cudaStream_t);
template void rg_lru_forward_cuda(const RgLruForward<Bf16>&, const RgLruPlan&, cudaStream_t);

}  // namespace trecvit::kernels
