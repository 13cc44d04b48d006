// A streaming step of forgetting attention: a warp to a row's head. What it remembers is read once, 32 keys at a time,
// several lines to a load; a key's logit is a sum over the lanes that share its line.
#include "kernels/device.cuh"
#include "kernels/forgetting_attention/forgetting_attention_cuda.h"
#include "kernels/launch.h"

namespace trecvit::kernels {
namespace {

constexpr int kLanesOfWarp = 32, kWarps = 4;

template <class Io, int kVector>
__global__ __launch_bounds__(kWarps* kLanesOfWarp) void step(const ForgettingStep<Io> p, int lanes_to_line) {
  using Line = Pack<Io, kVector>;
  constexpr int kAtOnce = 4;  // lines of a lane under way
  const int lane = threadIdx.x % kLanesOfWarp;
  const std::int64_t cell = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / kLanesOfWarp;
  if (cell >= p.rows * p.heads) return;
  const int d = static_cast<int>(p.head_width), window = static_cast<int>(p.window);
  const std::int64_t row = cell / p.heads, ring = cell * p.window;
  // Lanes beyond the line's width, where that is no power of two, have nothing.
  const int part = lane % lanes_to_line * kVector, slot = lane / lanes_to_line, slots = kLanesOfWarp / lanes_to_line;
  const bool there = part < d;
  const std::int64_t column = cell % p.heads * d + (there ? part : 0);
  const Line q_line = load_pack<kVector>(p.q + row * p.q_stride + column);
  const Line k_line = load_pack<kVector>(p.k + row * p.k_stride + column);
  const Line v_line = load_pack<kVector>(p.v + row * p.v_stride + column);

  // All lanes keep the same books; only their writes are the first one's.
  std::int64_t first = p.first[cell], next = p.next[cell];
  double lost = p.lost[cell], worst = p.worst[cell];
  const double c_now = enter_key(window, p.log_f[cell], p.bound, p.allowed, p.c + ring, first, next, lost, worst,
                                 [](double x) { return exp(x); });
  const std::int64_t now = next - 1;
  __syncwarp();
  if (lane == 0) {
    p.c[ring + now % window] = c_now;
    p.first[cell] = first, p.next[cell] = next, p.lost[cell] = lost, p.worst[cell] = worst;
  }
  const int at_now = static_cast<int>(now % window), at_first = static_cast<int>(first % window);
  if (slot == 0 && there) {
    store_pack(p.keys + (ring + at_now) * d + part, k_line);
    store_pack(p.values + (ring + at_now) * d + part, v_line);
  }

  const float scale = kLog2E / sqrtf(static_cast<float>(d));
  float q[kVector], sums[kVector] = {};
  widen_line(q_line, q);
#pragma unroll
  for (int e = 0; e < kVector; ++e) q[e] = there ? q[e] * scale : 0.0f;
  // The new key, by the first slot; older ones by all slots.
  float largest = -INFINITY, total = 0;
  const auto logit_of = [&](const Line& line) {
    float values[kVector], logit = 0;
    widen_line(line, values);
#pragma unroll
    for (int e = 0; e < kVector; ++e) logit = fmaf(q[e], values[e], logit);
    for (int reach = 1; reach < lanes_to_line; reach *= 2) logit += __shfl_xor_sync(~0u, logit, reach);
    return logit;
  };
  const auto add = [&](const Line& line, float weight) {
    float values[kVector];
    widen_line(line, values);
#pragma unroll
    for (int e = 0; e < kVector; ++e) sums[e] = fmaf(weight, values[e], sums[e]);
    total += weight;
  };
  {
    const float logit = logit_of(k_line);
    if (slot == 0) {
      largest = logit;
      add(v_line, 1.0f);
    }
  }
  const int count = static_cast<int>(now - first);
  for (int begin = 0; begin < count; begin += slots * kAtOnce) {
    Line keys[kAtOnce], values[kAtOnce];
    float logits[kAtOnce], most = largest;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int number = begin + i * slots + slot;
      int at = at_first + (number < count ? number : 0);
      at = at >= window ? at - window : at;
      const std::int64_t line = (ring + at) * d + (there ? part : 0);
      keys[i] = load_pack<kVector>(p.keys + line), values[i] = load_pack<kVector>(p.values + line);
      logits[i] = number < count ? static_cast<float>(c_now - p.c[ring + at]) * kLog2E : -INFINITY;
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      logits[i] += logit_of(keys[i]);
      most = fmaxf(most, logits[i]);
    }
    if (most == -INFINITY) continue;  // the slot has nothing yet
    const float correction = exp2_fast(largest - most);
    total *= correction;
#pragma unroll
    for (int e = 0; e < kVector; ++e) sums[e] *= correction;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) add(values[i], exp2_fast(logits[i] - most));
    largest = most;
  }
  // The slots' shares become one.
  float most = largest;
  for (int reach = lanes_to_line; reach < kLanesOfWarp; reach *= 2) {
    most = fmaxf(most, __shfl_xor_sync(~0u, most, reach));
  }
  const float factor = exp2_fast(largest - most);
  total *= factor;
#pragma unroll
  for (int e = 0; e < kVector; ++e) sums[e] *= factor;
  for (int reach = lanes_to_line; reach < kLanesOfWarp; reach *= 2) {
    total += __shfl_xor_sync(~0u, total, reach);
#pragma unroll
    for (int e = 0; e < kVector; ++e) sums[e] += __shfl_xor_sync(~0u, sums[e], reach);
  }
  if (slot != 0 || !there) return;
#pragma unroll
  for (int e = 0; e < kVector; ++e) sums[e] /= total;
  store_line(sums, p.out + cell * d + part);
}

}  // namespace

template <class Io>
void forgetting_attention_step_cuda(const ForgettingStep<Io>& p, cudaStream_t stream) {
  constexpr int kVector = 16 / sizeof(Io);
  ensure(p.head_width % kVector == 0 && p.head_width <= kLanesOfWarp * kVector, "forgetting_attention step: D ",
         p.head_width);
  int lanes = 1;
  while (lanes * kVector < p.head_width) lanes *= 2;
  step<Io, kVector>
      <<<static_cast<unsigned>(ceil_div(p.rows * p.heads, kWarps)), kWarps * kLanesOfWarp, 0, stream>>>(p, lanes);
  check_launch("forgetting_attention step");
}

template void forgetting_attention_step_cuda(const ForgettingStep<float>&, cudaStream_t);
template void forgetting_attention_step_cuda(const ForgettingStep<Bf16>&, cudaStream_t);

}  // namespace trecvit::kernels
