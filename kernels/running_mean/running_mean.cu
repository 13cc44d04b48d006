// A thread to a feature of a stream.
#include "kernels/device.cuh"
#include "kernels/launch.h"
#include "kernels/running_mean/running_mean_cuda.h"

namespace trecvit::kernels {
namespace {

constexpr int kThreads = 256;

template <class Io>
__global__ __launch_bounds__(kThreads) void running_mean(const RunningMean<Io> p) {
  const std::int64_t all = p.streams * p.width, at = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  pdl_wait();
  pdl_launch_dependents();
  if (at >= all) return;
  const std::int64_t sum_at = p.sum_at(at);
  double sum = p.sum[sum_at];
  for (std::int64_t t = 0; t < p.frames; ++t) {
    Io feature;
    put(tanhf(widen(p.x[t * all + at])), feature);
    p.out[t * all + at] = feature;
    sum += widen(feature);
  }
  p.sum[sum_at] = sum;
  put(static_cast<float>(sum / p.count(at)), p.mean[at]);
}

}  // namespace

template <class Io>
void running_mean_cuda(const RunningMean<Io>& p, cudaStream_t stream) {
  const dim3 grid = grid_of(ceil_div(p.streams * p.width, kThreads));
  launch_dependent("running_mean", running_mean<Io>, grid, kThreads, 0, stream, p);
}

template void running_mean_cuda(const RunningMean<float>&, cudaStream_t);
template void running_mean_cuda(const RunningMean<Bf16>&, cudaStream_t);

}  // namespace trecvit::kernels
