// Levels are read in the order of memory, V at a time; V of them lie within one row of pixels of one patch.
#include "kernels/device.cuh"
#include "kernels/launch.h"
#include "kernels/patches/patches_cuda.h"

namespace trecvit::kernels {
namespace {

constexpr int kThreads = 256;

template <class Io, int V>
__global__ __launch_bounds__(kThreads) void cut(const PatchesParams<Io> p, std::int64_t count) {
  const std::int64_t from = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * V;
  if (from >= count) return;
  const auto line = static_cast<std::uint32_t>(p.side * 3), columns = static_cast<std::uint32_t>(p.columns);
  const auto side = static_cast<std::uint32_t>(p.side);
  const std::int64_t lines = from / line;  // rows of pixels of patches before this one
  const auto within = static_cast<std::uint32_t>(from - lines * line);
  const std::int64_t pixel_rows = lines / columns;
  const auto column = static_cast<std::uint32_t>(lines - pixel_rows * columns);
  const std::int64_t patch_row = pixel_rows / side;
  const auto y = static_cast<std::uint32_t>(pixel_rows - patch_row * side);
  const std::int64_t to = ((patch_row * columns + column) * side + y) * line + within;
  const auto levels = load_pack<V>(p.video + from);
  constexpr int kPiece = sizeof(Io) * V > 16 ? 16 / sizeof(Io) : V;
#pragma unroll
  for (int at = 0; at < V; at += kPiece) {
    Pack<Io, kPiece> numbers;
#pragma unroll
    for (int k = 0; k < kPiece; ++k) put(static_cast<float>(levels.v[at + k]) * (1.0f / 255), numbers.v[k]);
    store_pack(p.patches + to + at, numbers);
  }
}

template <class Io, int V>
bool launch(const PatchesParams<Io>& p, cudaStream_t stream) {
  if (p.side * 3 % V != 0 || !vector_fits(p.video, V, V) || !vector_fits(p.patches, V, 16 / sizeof(Io))) return false;
  const std::int64_t count = p.frames * p.rows * p.columns * p.side * p.side * 3;
  cut<Io, V><<<grid_of(ceil_div(count, kThreads * V)), kThreads, 0, stream>>>(p, count);
  check_launch("patches");
  return true;
}

}  // namespace

template <class Io>
void patches_cuda(const PatchesParams<Io>& p, cudaStream_t stream) {
  if (launch<Io, 16>(p, stream)) return;
  const std::int64_t count = p.frames * p.rows * p.columns * p.side * p.side * 3;
  cut<Io, 1><<<grid_of(ceil_div(count, kThreads)), kThreads, 0, stream>>>(p, count);
  check_launch("patches");
}

template void patches_cuda(const PatchesParams<float>&, cudaStream_t);
template void patches_cuda(const PatchesParams<Bf16>&, cudaStream_t);

}  // namespace trecvit::kernels
