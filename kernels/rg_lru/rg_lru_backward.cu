// RG-LRU backward: one thread takes V channels of one row through the frames, last first, a tile of them at a time,
// with d/dh and the sums of the parameters' gradients in registers. Gates are calculated again.
#include "kernels/partials.cuh"
#include "kernels/rg_lru/device.cuh"
#include "kernels/rg_lru/rg_lru_cuda.h"
#include "kernels/ring.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kKinds = 3;  // input_bias, a_bias, a_param
constexpr int kThreads = kLanes * kBlockRows;
constexpr int kStages = 3;                                       // of the ring
constexpr int kChainedBytes = 32;                                  // of each tensor to a thread of a chain
enum Tensor { kX, kInputLogits, kALogits, kBefore, kDout, kY };  // kBefore: h of the frame before

// Frames are counted from the last: step s is frame T - 1 - s.
template <class Io, int V, bool kGated, bool kChained>
__global__ __launch_bounds__(kThreads) void backward(const RgLruBackward<Io> p, float* lookback) {
  constexpr int kFrames = tile_frames<Io, V>(kChained, kChainedBytes);
  using Ring = TileRing<Io, V, kGated ? 6 : 5, kFrames, kChained ? 1 : kStages, kThreads>;
  __shared__ typename Ring::Slots slots;
  Ring ring(slots, threadIdx.y * kLanes + threadIdx.x);

  const std::int64_t column_blocks = ceil_div(p.channels, kLanes * V), row_blocks = ceil_div(p.rows, kBlockRows);
  const int frames = p.frames;
  std::int64_t block = blockIdx.x;
  int begin = 0, end = frames;
  if constexpr (kChained) {
    const unsigned tile = next_tile(lookback), blocks = column_blocks * row_blocks;
    block = tile % blocks, begin = tile / blocks * kFrames;
    end = min(begin + kFrames, frames);
  }
  const std::int64_t channel = (block % column_blocks * kLanes + threadIdx.x) * V;
  const std::int64_t row = block / column_blocks * kBlockRows + threadIdx.y;
  const std::int64_t cells = p.rows * p.channels, cell = row * p.channels + channel;
  float sums[kKinds][V] = {};
  if (row < p.rows && channel < p.channels) {
    const auto fetch = [&](int s) {
      const int t = frames - 1 - s;
      const std::int64_t line = t * p.rows + row, at = line * p.channels + channel;
#pragma unroll
      for (int f = 0; f < kFrames; ++f) {
        const bool present = s + f < end;
        ring.fetch(kX, f, p.x + at - f * cells, present);
        ring.fetch(kInputLogits, f, p.input_logits + at - f * cells, present);
        ring.fetch(kALogits, f, p.a_logits + at - f * cells, present);
        ring.fetch(kBefore, f, p.h + at - (f + 1) * cells, present && t - f > 0);
        ring.fetch(kDout, f, p.dout + at - f * cells, present);
        if constexpr (kGated) ring.fetch(kY, f, p.y + (line - f * p.rows) * p.y_stride + channel, present);
      }
      ring.commit();
    };
    for (int n = 0; n < Ring::kAhead; ++n) fetch(begin + n * kFrames);
    Resets<kFrames> next_resets;
    next_resets.load(p.reset, std::int64_t{frames - 1 - begin} * p.rows + row, -p.rows, end - begin);

    const ChannelParameters<V> parameters(p, channel);
    float after[V];  // h of the step at hand
    widen_line(load_pack<V>(p.h + std::int64_t{frames - 1 - begin} * cells + cell), after);
    float carry[V] = {};
    if (begin == 0 && p.dh_last) load_wide(p.dh_last + cell, carry);

    for (int s = begin; s < end; s += kFrames) {
      fetch(s + Ring::kAhead * kFrames);
      const int t = frames - 1 - s;
      const Resets<kFrames> resets = next_resets;
      if (s + kFrames < end) {
        next_resets.load(p.reset, std::int64_t{t - kFrames} * p.rows + row, -p.rows, end - s - kFrames);
      }
      ring.next();

      float i[kFrames][V], r[kFrames][V], a[kFrames][V], u[kFrames][V], dh[kFrames][V];
#pragma unroll
      for (int f = 0; f < kFrames; ++f) {
        float input_logits[V], a_logits[V], y[V], dy[V];
        ring.read(kInputLogits, f, input_logits), ring.read(kALogits, f, a_logits), ring.read(kDout, f, dh[f]);
        if constexpr (kGated) ring.read(kY, f, y);
#pragma unroll
        for (int k = 0; k < V; ++k) {
          i[f][k] = parameters.i(k, input_logits[k]);
          r[f][k] = parameters.r(k, a_logits[k]);
          const DecayedState decay = decayed<Io>(parameters.decay[k] * r[f][k]);
          a[f][k] = resets.at[f] ? 0.0f : decay.a;
          u[f][k] = decay.u;
          if constexpr (kGated) {
            const Gelu gate = gelu(y[k]);
            dy[k] = dh[f][k] * after[k] * gate.slope;
            dh[f][k] *= gate.value;
          }
        }
        if constexpr (kGated) {
          if (s + f < end) store_line(dy, p.dy + (std::int64_t{t - f} * p.rows + row) * p.dy_stride + channel);
        }
        ring.read(kBefore, f, after);
      }
      if constexpr (kChained) {
        if (begin > 0) wait_for_carry(lookback + kLookbackHeader + (begin / kFrames - 1) * cells + cell, carry);
      }
#pragma unroll
      for (int f = 0; f < kFrames; ++f) {
#pragma unroll
        for (int k = 0; k < V; ++k) {
          dh[f][k] += carry[k];
          carry[k] = dh[f][k] * a[f][k];
        }
        if (t - f == 0) store_wide(carry, p.dh0 + cell);
      }
      if constexpr (kChained) {
        if (end < frames) publish_carry(carry, lookback + kLookbackHeader + begin / kFrames * cells + cell);
      }
#pragma unroll
      for (int f = 0; f < kFrames; ++f) {
        float x[V], before[V];
        ring.read(kX, f, x), ring.read(kBefore, f, before);
        if (t - f == 0 && p.h0) load_wide(p.h0 + cell, before);
        float dx[V], di_logits[V], dr_logits[V];
#pragma unroll
        for (int k = 0; k < V; ++k) {  // frames that are absent have x = before = 0 and add nothing
          const float input = i[f][k] * x[k];
          const float dhm = resets.at[f] ? dh[f][k] : dh[f][k] * sqrt_fast(u[f][k]);
          // 2.5e-7 = 1 / (4 * 1000^2) bounds the root's gradient.
          const float slope = a[f][k] * (before[k] - a[f][k] * input * rsqrt_fast(fmaxf(u[f][k], 2.5e-7f)));
          const float dr_scaled = resets.at[f] ? 0.0f : dh[f][k] * slope * r[f][k];
          const float di = dhm * input;
          di_logits[k] = fmaf(-di, i[f][k], di);
          dr_logits[k] = dr_scaled * fmaf(-parameters.decay[k], r[f][k], parameters.decay[k]);
          dx[k] = dhm * i[f][k];
          sums[0][k] += di_logits[k];
          sums[1][k] += dr_logits[k];
          sums[2][k] += dr_scaled;
        }
        if (s + f >= end) break;
        const std::int64_t at = std::int64_t{t - f} * cells + cell;
        store_line(dx, p.dx + at);
        store_line(di_logits, p.dinput_logits + at);
        store_line(dr_logits, p.da_logits + at);
      }
    }
    float a_param[V];
    load_wide(p.a_param + channel, a_param);
#pragma unroll
    for (int k = 0; k < V; ++k) sums[2][k] *= -8.0f * logistic2(a_param[k] * -kLog2E);
  }
  const std::int64_t slot = begin / kFrames * row_blocks + block / column_blocks;
  write_block_partials<V, kKinds>(sums, p.partials, slot, p.channels, channel);
}

template <class Io>
std::int64_t chunks(const RgLruBackward<Io>& p, const RgLruPlan& plan) {
  return plan.chained ? ceil_div(p.frames, kChainedBytes / (plan.vector * sizeof(Io))) : 1;
}
template <class Io>
std::int64_t slots(const RgLruBackward<Io>& p, const RgLruPlan& plan) {
  return chunks(p, plan) * ceil_div(p.rows, kBlockRows);
}

template <class Io, int V, bool kGated>
void launch(const RgLruBackward<Io>& p, const RgLruPlan& plan, cudaStream_t stream) {
  const dim3 block(kLanes, kBlockRows);
  const std::int64_t blocks = ceil_div(p.channels, kLanes * V) * slots(p, plan);
  frame_count(p.frames);
  if constexpr (V <= kRgLruChainVector) {
    if (plan.chained) {
      float* lookback = p.partials + slots(p, plan) * kKinds * p.channels;
      clear_lookback_slots(lookback, chunks(p, plan), p.rows * p.channels, stream);
      backward<Io, V, kGated, true><<<grid_of(blocks), block, 0, stream>>>(p, lookback);
      return check_launch("rg_lru backward, chained");
    }
  }
  backward<Io, V, kGated, false><<<grid_of(blocks), block, 0, stream>>>(p, nullptr);
  check_launch("rg_lru backward");
}

template <class Io, int V>
void launch(const RgLruBackward<Io>& p, const RgLruPlan& plan, cudaStream_t stream) {
  p.y ? launch<Io, V, true>(p, plan, stream) : launch<Io, V, false>(p, plan, stream);
}

template <class Io, int V>
bool fits(const RgLruBackward<Io>& p) {
  const Io* lines[] = {p.x, p.input_logits, p.a_logits, p.h, p.dout, p.dx, p.dinput_logits, p.da_logits};
  const float* wide[] = {p.h0, p.dh0, p.dh_last, p.input_bias, p.a_bias, p.a_param};
  bool good = p.channels % V == 0 && vector_fits(p.y, p.y_stride, V) && vector_fits(p.dy, p.dy_stride, V);
  for (const Io* pointer : lines) good = good && vector_fits(pointer, V, V);
  for (const float* pointer : wide) good = good && vector_fits(pointer, V, V < 4 ? V : 4);
  return good;
}

}  // namespace

template <class Io>
std::int64_t rg_lru_backward_partials_cuda(const RgLruBackward<Io>& p, const RgLruPlan& plan) {
  const std::int64_t lookback = plan.chained ? lookback_scratch(chunks(p, plan), p.rows * p.channels) : 0;
  return slots(p, plan) * kKinds * p.channels + lookback;
}

template <class Io>
RgLruPlan rg_lru_backward_plan_cuda(const RgLruBackward<Io>& p) {
  constexpr std::int64_t kFew = 16 * 1024;
  return rg_lru_plan(p, sizeof(Io) == 2 && fits<Io, 8>(p) ? 8 : fits<Io, 4>(p) ? 4 : fits<Io, 2>(p) ? 2 : 1, kFew);
}

template <class Io>
void rg_lru_backward_cuda(const RgLruBackward<Io>& p, const RgLruPlan& plan, cudaStream_t stream) {
  if constexpr (sizeof(Io) == 2) {
    if (plan.vector == 8) launch<Io, 8>(p, plan, stream);
  }
  if (plan.vector == 4) launch<Io, 4>(p, plan, stream);
  if (plan.vector == 2) launch<Io, 2>(p, plan, stream);
  if (plan.vector == 1) launch<Io, 1>(p, plan, stream);
  launch_sum_partials<kKinds>(p.partials, slots(p, plan), p.channels, {{p.dinput_bias, p.da_bias, p.da_param}}, stream);
}

template std::int64_t rg_lru_backward_partials_cuda(const RgLruBackward<float>&, const RgLruPlan&);
template std::int64_t rg_lru_backward_partials_cuda(const RgLruBackward<Bf16>&, const RgLruPlan&);
template RgLruPlan rg_lru_backward_plan_cuda(const RgLruBackward<float>&);
template RgLruPlan rg_lru_backward_plan_cuda(const RgLruBackward<Bf16>&);
template void rg_lru_backward_cuda(const RgLruBackward<float>&, const RgLruPlan&, cudaStream_t);
template void rg_lru_backward_cuda(const RgLruBackward<Bf16>&, const RgLruPlan&, cudaStream_t);

}  // namespace trecvit::kernels
