// RG-LRU forward: one thread runs V channels of one row through its frames, with the state in registers and the loads
// of two frames in flight.
#include "kernels/rg_lru/device.cuh"
#include "kernels/rg_lru/rg_lru_cuda.h"

namespace trecvit::kernels {
namespace {

constexpr int kThreads = 128;

template <class Io, int V>
struct Frame {
  Pack<Io, V> x, input_logits, a_logits, y;
  bool reset;
};

template <class Io, int V, bool kGated>
__device__ __forceinline__ Frame<Io, V> load_frame(const RgLruForward<Io>& p, std::int64_t t, std::int64_t row,
                                                   std::int64_t channel) {
  const std::int64_t line = t * p.rows + row, at = line * p.channels + channel;
  Frame<Io, V> f;
  f.x = load_pack<V>(p.x + at);
  f.input_logits = load_pack<V>(p.input_logits + at);
  f.a_logits = load_pack<V>(p.a_logits + at);
  if constexpr (kGated) f.y = load_pack<V>(p.y + line * p.y_stride + channel);
  f.reset = p.reset && p.reset[line];
  return f;
}

// kSummary: finds the chunk's factor and end state, and writes nothing else. See Note [Time chunks].
template <class Io, int V, bool kGated, bool kSummary>
__global__ __launch_bounds__(kThreads, V == 8 ? 4 : 1) void forward(const RgLruForward<Io> p,
                                                                    std::int64_t chunk_frames) {
  const std::int64_t across = p.channels / V, cells = p.rows * p.channels;
  const std::int64_t vector = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (vector >= p.rows * across) return;
  const std::int64_t row = vector / across, channel = vector % across * V, cell = row * p.channels + channel;
  const std::int64_t chunk = blockIdx.y;
  const bool chunked = chunk_frames < p.frames;
  const FrameRange range = frame_range(chunk, chunk_frames, p.frames);
  const ChannelParameters<V> parameters(p, channel);

  float h[V] = {}, factor[V];
#pragma unroll
  for (int k = 0; k < V; ++k) factor[k] = 1.0f;
  if constexpr (!kSummary) {
    const float* initial = chunked ? p.scratch + (2 * chunk + 1) * cells : p.h0;
    if (initial) load_wide(initial + cell, h);
  }
  Frame<Io, V> next = load_frame<Io, V, kGated>(p, range.begin, row, channel), after = next;
  if (range.begin + 1 < range.end) after = load_frame<Io, V, kGated>(p, range.begin + 1, row, channel);
#pragma unroll 2
  for (std::int64_t t = range.begin; t < range.end; ++t) {
    const Frame<Io, V> f = next;
    next = after;
    if (t + 2 < range.end) after = load_frame<Io, V, kGated>(p, t + 2, row, channel);
    const std::int64_t at = (t * p.rows + row) * p.channels + channel;
    Pack<Io, V> out, keep;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const float di = sigmoid_divisor(widen(f.input_logits.v[k]) + parameters.input_bias[k]);
      const float dr = sigmoid_divisor(widen(f.a_logits.v[k]) + parameters.a_bias[k]);
      float i, r, gate = 1.0f;
      if constexpr (kGated) {  // one reciprocal serves all three sigmoids
        const float y = widen(f.y.v[k]), dy = sigmoid_divisor(gelu_argument(y));
        const float ir = di * dr, all = reciprocal(ir * dy);
        gate = y * (ir * all);
        i = dr * dy * all, r = di * dy * all;
      } else {
        const float both = reciprocal(di * dr);
        i = dr * both, r = di * both;
      }
      const DecayedState d = decayed(parameters.decay[k] * r);
      const float input = i * widen(f.x.v[k]);
      h[k] = f.reset ? input : d.a * h[k] + d.m * input;
      if constexpr (kSummary) {
        factor[k] = f.reset ? 0.0f : d.a * factor[k];
      } else {
        put(h[k] * gate, out.v[k]);
        put(h[k], keep.v[k]);
      }
    }
    if constexpr (!kSummary) {
      store_pack(p.out + at, out);
      if (p.h) store_pack(p.h + at, keep);
    }
  }
  if constexpr (kSummary) {
    store_wide(factor, p.scratch + 2 * chunk * cells + cell);
    store_wide(h, p.scratch + (2 * chunk + 1) * cells + cell);
  } else if (range.end == p.frames) {
    store_wide(h, p.h_last + cell);
  }
}

template <class Io, int V, bool kGated>
void launch(const RgLruForward<Io>& p, std::int64_t chunk_frames, cudaStream_t stream) {
  const std::int64_t chunks = ceil_div(p.frames, chunk_frames);
  const dim3 grid(static_cast<unsigned>(ceil_div(p.rows * p.channels / V, kThreads)), static_cast<unsigned>(chunks));
  if (chunks > 1) {
    forward<Io, V, /*kGated=*/false, /*kSummary=*/true><<<grid, kThreads, 0, stream>>>(p, chunk_frames);
    check_launch("rg_lru forward, summary of chunks");
    launch_carry_chunks</*kReverse=*/false>(p.h0, p.scratch, chunks, p.rows * p.channels, stream);
  }
  forward<Io, V, kGated, /*kSummary=*/false><<<grid, kThreads, 0, stream>>>(p, chunk_frames);
  check_launch("rg_lru forward");
}

template <class Io, int V>
bool fits(const RgLruForward<Io>& p) {
  const Io* lines[] = {p.x, p.input_logits, p.a_logits, p.out, p.h};
  const float* wide[] = {p.h0, p.h_last, p.input_bias, p.a_bias, p.a_param, p.scratch};
  bool good = p.channels % V == 0 && vector_fits(p.y, p.y_stride, V);
  for (const Io* pointer : lines) good = good && vector_fits(pointer, V, V);
  for (const float* pointer : wide) good = good && vector_fits(pointer, V, V < 4 ? V : 4);
  return good;
}

template <class Io, int V>
void launch(const RgLruForward<Io>& p, std::int64_t chunk_frames, cudaStream_t stream) {
  p.y ? launch<Io, V, true>(p, chunk_frames, stream) : launch<Io, V, false>(p, chunk_frames, stream);
}

}  // namespace

template <class Io>
RgLruPlan rg_lru_forward_plan_cuda(const RgLruForward<Io>& p) {
  return rg_lru_plan(p, sizeof(Io) == 2 && fits<Io, 8>(p) ? 8 : fits<Io, 4>(p) ? 4 : fits<Io, 2>(p) ? 2 : 1);
}

template <class Io>
void rg_lru_forward_cuda(const RgLruForward<Io>& p, const RgLruPlan& plan, cudaStream_t stream) {
  if constexpr (sizeof(Io) == 2) {
    if (plan.vector == 8) return launch<Io, 8>(p, plan.chunk_frames, stream);
  }
  if (plan.vector == 4) return launch<Io, 4>(p, plan.chunk_frames, stream);
  if (plan.vector == 2) return launch<Io, 2>(p, plan.chunk_frames, stream);
  launch<Io, 1>(p, plan.chunk_frames, stream);
}

template RgLruPlan rg_lru_forward_plan_cuda(const RgLruForward<float>&);
template RgLruPlan rg_lru_forward_plan_cuda(const RgLruForward<Bf16>&);
template void rg_lru_forward_cuda(const RgLruForward<float>&, const RgLruPlan&, cudaStream_t);
template void rg_lru_forward_cuda(const RgLruForward<Bf16>&, const RgLruPlan&, cudaStream_t);

}  // namespace trecvit::kernels
