// RMSNorm: a warp to a row, which it reads twice, the second time from cache. The gradient of scale sums over rows, so
// a kernel of its own runs down the columns.
#include "kernels/partials.cuh"
#include "kernels/rms_norm/rms_norm_cuda.h"

namespace trecvit::kernels {
namespace {

constexpr int kWarps = 4;                    // rows to a block
constexpr std::int64_t kRowsPerThread = 16;  // of the column sums

// The same sum in every lane.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

template <class Io, int V>
__global__ __launch_bounds__(kWarps * 32) void forward(const RmsNormForward<Io> p) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.y;
  if (row >= p.rows) return;
  const Io* x = p.x + row * p.channels;
  float sum = 0;
  for (std::int64_t c = threadIdx.x * V; c < p.channels; c += 32 * V) {
    const auto pack = load_pack<V>(x + c);
#pragma unroll
    for (int k = 0; k < V; ++k) sum += widen(pack.v[k]) * widen(pack.v[k]);
  }
  const float mean = warp_sum(sum) / static_cast<float>(p.channels);
  const float inverse = 1.0f / sqrtf(mean + static_cast<float>(kRmsNormEpsilon));
  if (p.inverse && threadIdx.x == 0) p.inverse[row] = inverse;
  for (std::int64_t c = threadIdx.x * V; c < p.channels; c += 32 * V) {
    const auto pack = load_pack<V>(x + c);
    float scale[V];
    load_wide(p.scale + c, scale);
    Pack<Io, V> y;
#pragma unroll
    for (int k = 0; k < V; ++k) put(widen(pack.v[k]) * inverse * (1.0f + scale[k]), y.v[k]);
    store_pack(p.y + row * p.channels + c, y);
  }
}

template <class Io, int V>
__global__ __launch_bounds__(kWarps * 32) void backward_input(const RmsNormBackward<Io> p) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.y;
  if (row >= p.rows) return;
  const std::int64_t line = row * p.channels;
  const float inverse = p.inverse[row];
  float dot = 0;
  for (std::int64_t c = threadIdx.x * V; c < p.channels; c += 32 * V) {
    const auto x = load_pack<V>(p.x + line + c), dy = load_pack<V>(p.dy + line + c);
    float scale[V];
    load_wide(p.scale + c, scale);
#pragma unroll
    for (int k = 0; k < V; ++k) dot += widen(dy.v[k]) * (1.0f + scale[k]) * widen(x.v[k]);
  }
  const float factor = warp_sum(dot) * inverse * inverse / static_cast<float>(p.channels);
  for (std::int64_t c = threadIdx.x * V; c < p.channels; c += 32 * V) {
    const auto x = load_pack<V>(p.x + line + c), dy = load_pack<V>(p.dy + line + c);
    float scale[V];
    load_wide(p.scale + c, scale);
    Pack<Io, V> dx;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      put(inverse * (widen(dy.v[k]) * (1.0f + scale[k]) - widen(x.v[k]) * factor), dx.v[k]);
    }
    store_pack(p.dx + line + c, dx);
  }
}

template <class Io, int V>
__global__ __launch_bounds__(kLanes* kBlockRows) void backward_scale(const RmsNormBackward<Io> p) {
  const std::int64_t channel = (static_cast<std::int64_t>(blockIdx.x) * kLanes + threadIdx.x) * V;
  float sums[1][V] = {};
  if (channel < p.channels) {
#pragma unroll 4
    for (std::int64_t n = 0; n < kRowsPerThread; ++n) {
      const std::int64_t row = (blockIdx.y * kRowsPerThread + n) * kBlockRows + threadIdx.y;
      if (row >= p.rows) break;
      const float inverse = p.inverse[row];
      const auto x = load_pack<V>(p.x + row * p.channels + channel),
                 dy = load_pack<V>(p.dy + row * p.channels + channel);
#pragma unroll
      for (int k = 0; k < V; ++k) sums[0][k] += widen(dy.v[k]) * widen(x.v[k]) * inverse;
    }
  }
  write_block_partials<V, 1>(sums, p.partials, blockIdx.y, p.channels, channel);
}

std::int64_t slots(std::int64_t rows) { return ceil_div(rows, kBlockRows * kRowsPerThread); }

template <class Io, int V>
bool launch(const RmsNormForward<Io>& p, cudaStream_t stream) {
  if (p.channels % V != 0 || !vector_fits(p.x, V, V) || !vector_fits(p.y, V, V)) return false;
  if (!vector_fits(p.scale, V, V < 4 ? V : 4)) return false;
  forward<Io, V><<<static_cast<unsigned>(ceil_div(p.rows, kWarps)), dim3(32, kWarps), 0, stream>>>(p);
  check_launch("rms_norm forward");
  return true;
}

template <class Io, int V>
bool launch(const RmsNormBackward<Io>& p, cudaStream_t stream) {
  if (p.channels % V != 0 || !vector_fits(p.x, V, V) || !vector_fits(p.dy, V, V)) return false;
  if (!vector_fits(p.dx, V, V) || !vector_fits(p.scale, V, V < 4 ? V : 4)) return false;
  backward_input<Io, V><<<static_cast<unsigned>(ceil_div(p.rows, kWarps)), dim3(32, kWarps), 0, stream>>>(p);
  check_launch("rms_norm backward of x");
  const dim3 grid(static_cast<unsigned>(ceil_div(p.channels, kLanes * V)), static_cast<unsigned>(slots(p.rows)));
  backward_scale<Io, V><<<grid, dim3(kLanes, kBlockRows), 0, stream>>>(p);
  check_launch("rms_norm backward of scale");
  return true;
}

// The widest vectors that fit; one element always does.
template <class Params>
void launch_widest(const Params& p, cudaStream_t stream) {
  using Io = std::remove_cv_t<std::remove_pointer_t<decltype(p.x)>>;
  constexpr int kWidest = 16 / sizeof(Io);
  const bool launched = launch<Io, kWidest>(p, stream) || launch<Io, 2>(p, stream) || launch<Io, 1>(p, stream);
  ensure(launched, "rms_norm fits no vector width");
}

}  // namespace

std::int64_t rms_norm_partials_cuda(std::int64_t rows, std::int64_t channels) { return slots(rows) * channels; }

template <class Io>
void rms_norm_forward_cuda(const RmsNormForward<Io>& p, cudaStream_t stream) {
  launch_widest(p, stream);
}

template <class Io>
void rms_norm_backward_cuda(const RmsNormBackward<Io>& p, cudaStream_t stream) {
  launch_widest(p, stream);
  launch_sum_partials<1>(p.partials, slots(p.rows), p.channels, {{p.dscale}}, stream);
}

template void rms_norm_forward_cuda(const RmsNormForward<float>&, cudaStream_t);
template void rms_norm_forward_cuda(const RmsNormForward<Bf16>&, cudaStream_t);
template void rms_norm_backward_cuda(const RmsNormBackward<float>&, cudaStream_t);
template void rms_norm_backward_cuda(const RmsNormBackward<Bf16>&, cudaStream_t);

}  // namespace trecvit::kernels
