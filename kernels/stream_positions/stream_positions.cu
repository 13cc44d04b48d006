// One block of threads per stream. Thread 0 alone touches the stream's counter.
#include "kernels/device.cuh"
#include "kernels/launch.h"
#include "kernels/stream_positions/stream_positions_cuda.h"

namespace trecvit::kernels {
namespace {

constexpr int kThreads = 256;

__global__ __launch_bounds__(kThreads) void stream_positions(const StreamPositionsParams p) {
  __shared__ std::int64_t before;
  pdl_wait();
  pdl_launch_dependents();
  const std::int64_t b = blockIdx.x;
  if (threadIdx.x == 0) {
    std::int64_t& processed = p.frames_processed[p.slots ? p.slots[b] : b];
    before = processed;
    p.frames_before[b] = before;
    processed = before + p.frames;
  }
  __syncthreads();
  for (std::int64_t at = threadIdx.x; at < p.frames * p.tokens; at += kThreads) {
    const std::int64_t t = at / p.tokens, n = at % p.tokens;
    p.segment_start_mask[(t * p.streams + b) * p.tokens + n] = t == 0 && before == 0;
  }
}

}  // namespace

void stream_positions_cuda(const StreamPositionsParams& p, cudaStream_t stream) {
  launch_dependent("stream_positions", stream_positions, dim3(static_cast<unsigned>(p.streams)), kThreads, 0, stream, p);
}

}  // namespace trecvit::kernels
