// RG-LRU backward: one thread runs V channels of one row through its frames, last first, with d/dh and the sums of the
// parameters' gradients in registers and the loads of the frame before in flight. Gates are calculated again.
#include "kernels/partials.cuh"
#include "kernels/rg_lru/device.cuh"
#include "kernels/rg_lru/rg_lru_cuda.h"

namespace trecvit::kernels {
namespace {

constexpr int kKinds = 3;  // input_bias, a_bias, a_param

template <class Io, int V>
struct Frame {
  Pack<Io, V> x, input_logits, a_logits, y, h, dout;
  bool reset;
};

template <class Io, int V, bool kGated, bool kSummary>
__device__ __forceinline__ Frame<Io, V> load_frame(const RgLruBackward<Io>& p, std::int64_t t, std::int64_t row,
                                                   std::int64_t channel) {
  const std::int64_t line = t * p.rows + row, at = line * p.channels + channel;
  Frame<Io, V> f;
  if constexpr (!kSummary) {
    f.x = load_pack<V>(p.x + at);
    f.input_logits = load_pack<V>(p.input_logits + at);
    f.h = load_pack<V>(p.h + at);
  }
  f.a_logits = load_pack<V>(p.a_logits + at);
  if constexpr (kGated) f.y = load_pack<V>(p.y + line * p.y_stride + channel);
  f.dout = load_pack<V>(p.dout + at);
  f.reset = p.reset && p.reset[line];
  return f;
}

// The chunk's effect on d/dh: carry_out = factor * carry_in + end. See Note [Time chunks].
template <class Io, int V, bool kGated>
__global__ __launch_bounds__(kLanes* kBlockRows) void backward_summary(const RgLruBackward<Io> p,
                                                                       std::int64_t chunk_frames, float* scratch) {
  const std::int64_t channel = (static_cast<std::int64_t>(blockIdx.x) * kLanes + threadIdx.x) * V;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * kBlockRows + threadIdx.y, chunk = blockIdx.z;
  if (row >= p.rows || channel >= p.channels) return;
  const FrameRange range = frame_range(chunk, chunk_frames, p.frames);
  const ChannelParameters<V> parameters(p, channel);
  float carry[V] = {}, factor[V];
#pragma unroll
  for (int k = 0; k < V; ++k) factor[k] = 1.0f;
  Frame<Io, V> next = load_frame<Io, V, kGated, true>(p, range.end - 1, row, channel);
  for (std::int64_t t = range.end - 1; t >= range.begin; --t) {
    const Frame<Io, V> f = next;
    if (t > range.begin) next = load_frame<Io, V, kGated, true>(p, t - 1, row, channel);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const float r = reciprocal(sigmoid_divisor(widen(f.a_logits.v[k]) + parameters.a_bias[k]));
      const float a = f.reset ? 0.0f : decayed(parameters.decay[k] * r).a;
      float dh = widen(f.dout.v[k]);
      if constexpr (kGated) {
        const float y = widen(f.y.v[k]);
        dh *= y * reciprocal(sigmoid_divisor(gelu_argument(y)));
      }
      carry[k] = a * (carry[k] + dh);
      factor[k] *= a;
    }
  }
  const std::int64_t cells = p.rows * p.channels, cell = row * p.channels + channel;
  store_wide(factor, scratch + 2 * chunk * cells + cell);
  store_wide(carry, scratch + (2 * chunk + 1) * cells + cell);
}

template <class Io, int V, bool kGated>
__global__ __launch_bounds__(kLanes* kBlockRows) void backward(const RgLruBackward<Io> p, std::int64_t chunk_frames,
                                                               const float* scratch) {
  const std::int64_t channel = (static_cast<std::int64_t>(blockIdx.x) * kLanes + threadIdx.x) * V;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * kBlockRows + threadIdx.y, chunk = blockIdx.z;
  float sums[kKinds][V] = {};
  if (row < p.rows && channel < p.channels) {
    const std::int64_t cells = p.rows * p.channels, cell = row * p.channels + channel;
    const FrameRange range = frame_range(chunk, chunk_frames, p.frames);
    const ChannelParameters<V> parameters(p, channel);
    float carry[V] = {};
    const float* initial = scratch ? scratch + (2 * chunk + 1) * cells : p.dh_last;
    if (initial) load_wide(initial + cell, carry);
    Frame<Io, V> next = load_frame<Io, V, kGated, false>(p, range.end - 1, row, channel);
    for (std::int64_t t = range.end - 1; t >= range.begin; --t) {
      const Frame<Io, V> f = next;
      float before[V] = {};
      if (t > range.begin) {
        next = load_frame<Io, V, kGated, false>(p, t - 1, row, channel);
#pragma unroll
        for (int k = 0; k < V; ++k) before[k] = widen(next.h.v[k]);
      } else if (t > 0) {
        const auto h = load_pack<V>(p.h + ((t - 1) * p.rows + row) * p.channels + channel);
#pragma unroll
        for (int k = 0; k < V; ++k) before[k] = widen(h.v[k]);
      } else if (p.h0) {
        load_wide(p.h0 + cell, before);
      }
      Pack<Io, V> dx, di_logits, da_logits, dys;
#pragma unroll
      for (int k = 0; k < V; ++k) {
        const float di = sigmoid_divisor(widen(f.input_logits.v[k]) + parameters.input_bias[k]);
        const float dr = sigmoid_divisor(widen(f.a_logits.v[k]) + parameters.a_bias[k]);
        float i, r, dh = widen(f.dout.v[k]);
        if constexpr (kGated) {
          const float y = widen(f.y.v[k]), dy = sigmoid_divisor(gelu_argument(y));
          const float ir = di * dr, all = reciprocal(ir * dy), s = ir * all;
          i = dr * dy * all, r = di * dy * all;
          put(dh * widen(f.h.v[k]) * gelu_slope(y, s), dys.v[k]);
          dh *= y * s;
        } else {
          const float both = reciprocal(di * dr);
          i = dr * both, r = di * both;
        }
        dh += carry[k];
        const DecayedState d = decayed(parameters.decay[k] * r);
        const float a = f.reset ? 0.0f : d.a, m = f.reset ? 1.0f : d.m;
        const float xi = widen(f.x.v[k]) * i, dhm = dh * m;
        // 2.5e-7 = 1 / (4 * 1000^2) bounds the root's gradient.
        const float slope = a * before[k] - a * a * xi * rsqrtf(fmaxf(d.u, 2.5e-7f));
        const float dr_scaled = f.reset ? 0.0f : dh * slope * r;
        const float di_logit = dhm * xi * (1.0f - i), dr_logit = dr_scaled * parameters.decay[k] * (1.0f - r);
        put(dhm * i, dx.v[k]);
        put(di_logit, di_logits.v[k]);
        put(dr_logit, da_logits.v[k]);
        sums[0][k] += di_logit;
        sums[1][k] += dr_logit;
        sums[2][k] += dr_scaled;
        carry[k] = dh * a;
      }
      const std::int64_t line = t * p.rows + row, at = line * p.channels + channel;
      store_pack(p.dx + at, dx);
      store_pack(p.dinput_logits + at, di_logits);
      store_pack(p.da_logits + at, da_logits);
      if constexpr (kGated) store_pack(p.dy + line * p.dy_stride + channel, dys);
    }
    if (range.begin == 0) store_wide(carry, p.dh0 + cell);
    float a_param[V];
    load_wide(p.a_param + channel, a_param);
#pragma unroll
    for (int k = 0; k < V; ++k) sums[2][k] *= -8.0f * reciprocal(sigmoid_divisor(a_param[k]));
  }
  write_block_partials<V, kKinds>(sums, p.partials, chunk * gridDim.y + blockIdx.y, p.channels, channel);
}

template <class Io>
std::int64_t slots(const RgLruBackward<Io>& p, const RgLruPlan& plan) {
  return ceil_div(p.frames, plan.chunk_frames) * ceil_div(p.rows, kBlockRows);
}

template <class Io, int V, bool kGated>
void launch(const RgLruBackward<Io>& p, const RgLruPlan& plan, cudaStream_t stream) {
  const std::int64_t chunks = ceil_div(p.frames, plan.chunk_frames), cells = p.rows * p.channels;
  const dim3 block(kLanes, kBlockRows);
  const dim3 grid(static_cast<unsigned>(ceil_div(p.channels, kLanes * V)),
                  static_cast<unsigned>(ceil_div(p.rows, kBlockRows)), static_cast<unsigned>(chunks));
  float* scratch = nullptr;
  if (chunks > 1) {
    scratch = p.partials;
    backward_summary<Io, V, kGated><<<grid, block, 0, stream>>>(p, plan.chunk_frames, scratch);
    check_launch("rg_lru backward, summary of chunks");
    launch_carry_chunks</*kReverse=*/true>(p.dh_last, scratch, chunks, cells, stream);
  }
  RgLruBackward<Io> rest = p;
  if (scratch) rest.partials += chunks * 2 * cells;
  backward<Io, V, kGated><<<grid, block, 0, stream>>>(rest, plan.chunk_frames, scratch);
  check_launch("rg_lru backward");
  launch_sum_partials<kKinds>(rest.partials, slots(p, plan), p.channels, {{p.dinput_bias, p.da_bias, p.da_param}},
                              stream);
}

template <class Io, int V>
void launch(const RgLruBackward<Io>& p, const RgLruPlan& plan, cudaStream_t stream) {
  p.y ? launch<Io, V, true>(p, plan, stream) : launch<Io, V, false>(p, plan, stream);
}

template <class Io, int V>
bool fits(const RgLruBackward<Io>& p) {
  const Io* lines[] = {p.x, p.input_logits, p.a_logits, p.h, p.dout, p.dx, p.dinput_logits, p.da_logits};
  const float* wide[] = {p.h0, p.dh0, p.dh_last, p.input_bias, p.a_bias, p.a_param, p.partials};
  bool good = p.channels % V == 0 && vector_fits(p.y, p.y_stride, V) && vector_fits(p.dy, p.dy_stride, V);
  for (const Io* pointer : lines) good = good && vector_fits(pointer, V, V);
  for (const float* pointer : wide) good = good && vector_fits(pointer, V, V);
  return good;
}

}  // namespace

template <class Io>
std::int64_t rg_lru_backward_partials_cuda(const RgLruBackward<Io>& p, const RgLruPlan& plan) {
  const std::int64_t chunks = ceil_div(p.frames, plan.chunk_frames);
  return slots(p, plan) * kKinds * p.channels + (chunks > 1 ? chunks * 2 * p.rows * p.channels : 0);
}

template <class Io>
RgLruPlan rg_lru_backward_plan_cuda(const RgLruBackward<Io>& p) {
  return rg_lru_plan(p, fits<Io, 4>(p) ? 4 : fits<Io, 2>(p) ? 2 : 1);
}

template <class Io>
void rg_lru_backward_cuda(const RgLruBackward<Io>& p, const RgLruPlan& plan, cudaStream_t stream) {
  if (plan.vector == 4) return launch<Io, 4>(p, plan, stream);
  if (plan.vector == 2) return launch<Io, 2>(p, plan, stream);
  launch<Io, 1>(p, plan, stream);
}

template std::int64_t rg_lru_backward_partials_cuda(const RgLruBackward<float>&, const RgLruPlan&);
template std::int64_t rg_lru_backward_partials_cuda(const RgLruBackward<Bf16>&, const RgLruPlan&);
template RgLruPlan rg_lru_backward_plan_cuda(const RgLruBackward<float>&);
template RgLruPlan rg_lru_backward_plan_cuda(const RgLruBackward<Bf16>&);
template void rg_lru_backward_cuda(const RgLruBackward<float>&, const RgLruPlan&, cudaStream_t);
template void rg_lru_backward_cuda(const RgLruBackward<Bf16>&, const RgLruPlan&, cudaStream_t);

}  // namespace trecvit::kernels
