// Spatial attention on the GPU: microseconds, and the bytes that must be moved as a share of the bandwidth of a plain
// copy; forward also in a CUDA graph. bf16; medians of CUDA events. tools/peers/attention.py times LibTorch's on the
// same sizes.
#include <cstdio>

#include "gpu_bench.h"
#include "kernels/spatial_attention/spatial_attention_cuda.h"

namespace {

using namespace trecvit;
using namespace trecvit::kernels;

void bench(Pool& pool, double copy_bandwidth, const SpatialAttentionInputs<Bf16>& size) {
  pool.rewind();
  const std::int64_t out_size = size.frames * size.tokens * size.heads * size.head_width;
  SpatialAttentionForward<Bf16> f{size};
  f.qkv = pool.take<Bf16>(3 * out_size), f.out = pool.take<Bf16>(out_size);
  f.lse = pool.take<float>(size.frames * size.heads * size.tokens);
  const double forward = median_us([&] { spatial_attention_forward_cuda(f, nullptr); });
  const double in_graph = median_us_in_graph([&](cudaStream_t stream) { spatial_attention_forward_cuda(f, stream); });
  SpatialAttentionBackward<Bf16> b{size};
  b.qkv = f.qkv, b.out = f.out, b.lse = f.lse, b.dout = pool.take<Bf16>(out_size);
  b.dqkv = pool.take<Bf16>(3 * out_size);
  const double backward = median_us([&] { spatial_attention_backward_cuda(b, nullptr); });
  const double bytes = static_cast<double>(out_size) * sizeof(Bf16);
  std::printf("%6ld %5ld %5ld %5ld %9.1f us %3.0f %% %9.1f us %9.1f us %3.0f %%\n", static_cast<long>(size.frames),
              static_cast<long>(size.heads), static_cast<long>(size.tokens), static_cast<long>(size.head_width),
              forward, 4 * bytes / forward / copy_bandwidth * 100, in_graph, backward,
              8 * bytes / backward / copy_bandwidth * 100);
}

void run() {
  Pool pool;
  const double copy_bandwidth = measure_copy(pool);
  std::printf("%6s %5s %5s %5s %18s %12s %18s\n", "frames", "H", "N", "D", "forward, of copy", "in a graph",
              "backward, of copy");
  const SpatialAttentionInputs<Bf16> sizes[] = {
      {256, 197, 12, 64}, {128, 197, 12, 64}, {64, 197, 12, 64},  {32, 197, 12, 64},
      {8, 197, 12, 64},   {4, 197, 12, 64},   {2, 197, 12, 64},   {1, 197, 12, 64},
      {256, 197, 3, 64},  {256, 20, 12, 64},  {256, 65, 12, 64},  {256, 257, 12, 64},
      {256, 197, 12, 32}, {256, 197, 12, 80}, {256, 197, 12, 96}, {256, 197, 12, 128},
  };
  for (const auto& size : sizes) bench(pool, copy_bandwidth, size);
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_attention_gpu: %s\n", error.what());
    return 1;
  }
}
