// One pass over gradient, value and both moments: 28 bytes a parameter, and 4 for the norm before it.
#include <math_constants.h>

#include <cmath>

#include "kernels/adamw/adamw_cuda.h"
#include "kernels/device.cuh"
#include "kernels/launch.h"

namespace trecvit::kernels {
namespace {

constexpr int kThreads = 256, kVector = 4;
constexpr std::int64_t kNormBlocks = 1056;

// The sum over the block, in thread 0.
template <class T>
__device__ __forceinline__ T block_sum(T value) {
  __shared__ T shared[kThreads];
  shared[threadIdx.x] = value;
#pragma unroll
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  return shared[0];
}

template <int V>
__global__ __launch_bounds__(kThreads) void sum_squares(const float* gradient, std::int64_t count, float* partials) {
  float sum = 0;
  const std::int64_t packs = count / V, stride = kNormBlocks * kThreads;
#pragma unroll 4
  for (std::int64_t n = blockIdx.x * kThreads + threadIdx.x; n < packs; n += stride) {
    const auto pack = load_pack<V>(gradient + n * V);
#pragma unroll
    for (int k = 0; k < V; ++k) sum += pack.v[k] * pack.v[k];
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    for (std::int64_t n = packs * V; n < count; ++n) sum += gradient[n] * gradient[n];
  }
  const float total = block_sum(sum);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

__global__ __launch_bounds__(kThreads) void finish_norm(const float* partials, const float* loss, float* norm) {
  double sum = 0;
  for (std::int64_t n = threadIdx.x; n < kNormBlocks; n += kThreads) sum += partials[n];
  const double total = block_sum(sum);
  if (threadIdx.x != 0) return;
  if (isfinite(norm[0])) norm[0] = static_cast<float>(sqrt(total));
  if (!isfinite(loss[0])) norm[0] = CUDART_NAN_F;
}

struct Factors {
  float clip, mean_rate, square_keep, square_rate, decay, rate, root_correction, epsilon;
};

struct Moments {
  float value, mean, square;
};

__device__ __forceinline__ Moments update(Moments at, float gradient, float decay, float scale, const Factors& f) {
  const float g = gradient * scale;
  at.mean += f.mean_rate * (g - at.mean);
  at.square = f.square_keep * at.square + f.square_rate * g * g;
  at.value -= decay * at.value;
  at.value -= f.rate * at.mean / (sqrtf(at.square) * f.root_correction + f.epsilon);
  return at;
}

template <int V>
__global__ __launch_bounds__(kThreads) void adamw(const AdamWParams<float> p, const Factors f) {
  const float norm = p.norm[0];
  if (!isfinite(norm)) return;
  const float scale = f.clip > 0 && norm > f.clip ? f.clip / norm : 1.0f;
  const std::int64_t first = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * V;
  if (first + V <= p.count) {
    const auto g = load_pack<V>(p.gradient + first);
    auto value = load_pack<V>(p.value + first), mean = load_pack<V>(p.mean + first);
    auto square = load_pack<V>(p.square + first);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const float decay = first + k < p.decayed ? f.decay : 0.0f;
      const Moments next = update({value.v[k], mean.v[k], square.v[k]}, g.v[k], decay, scale, f);
      value.v[k] = next.value, mean.v[k] = next.mean, square.v[k] = next.square;
    }
    store_pack(p.value + first, value);
    store_pack(p.mean + first, mean);
    store_pack(p.square + first, square);
    return;
  }
  for (std::int64_t n = first; n < p.count; ++n) {
    const float decay = n < p.decayed ? f.decay : 0.0f;
    const Moments next = update({p.value[n], p.mean[n], p.square[n]}, p.gradient[n], decay, scale, f);
    p.value[n] = next.value, p.mean[n] = next.mean, p.square[n] = next.square;
  }
}

template <int V>
void launch(const AdamWParams<float>& p, const Factors& f, cudaStream_t stream) {
  adamw<V><<<grid_of(ceil_div(p.count, kThreads * V)), kThreads, 0, stream>>>(p, f);
  check_launch("adamw");
}

}  // namespace

std::int64_t gradient_norm_partials_cuda() { return kNormBlocks; }

void gradient_norm_cuda(const float* gradient, std::int64_t count, const float* loss, float* partials, float* norm,
                        cudaStream_t stream) {
  if (vector_fits(gradient, kVector, kVector)) {
    sum_squares<kVector><<<kNormBlocks, kThreads, 0, stream>>>(gradient, count, partials);
  } else {
    sum_squares<1><<<kNormBlocks, kThreads, 0, stream>>>(gradient, count, partials);
  }
  check_launch("sum_squares");
  finish_norm<<<1, kThreads, 0, stream>>>(partials, loss, norm);
  check_launch("finish_norm");
}

void adamw_cuda(const AdamWParams<float>& p, cudaStream_t stream) {
  const double correction1 = 1 - std::pow(p.beta1, static_cast<double>(p.step));
  const double correction2 = 1 - std::pow(p.beta2, static_cast<double>(p.step));
  const Factors f{.clip = static_cast<float>(p.clip),
                  .mean_rate = static_cast<float>(1 - p.beta1),
                  .square_keep = static_cast<float>(p.beta2),
                  .square_rate = static_cast<float>(1 - p.beta2),
                  .decay = static_cast<float>(p.lr * p.weight_decay),
                  .rate = static_cast<float>(p.lr / correction1),
                  .root_correction = static_cast<float>(1 / std::sqrt(correction2)),
                  .epsilon = static_cast<float>(p.epsilon)};
  const bool wide = vector_fits(p.gradient, kVector, kVector) && vector_fits(p.value, kVector, kVector) &&
                    vector_fits(p.mean, kVector, kVector) && vector_fits(p.square, kVector, kVector);
  wide ? launch<kVector>(p, f, stream) : launch<1>(p, f, stream);
}

}  // namespace trecvit::kernels
