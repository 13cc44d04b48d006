// A block runs down a strip of columns, every thread adding V of them over its rows. cuBLASLt can sum columns beside
// the product that wants them (CUBLASLT_EPILOGUE_BGRADA), but gives up splitting the inner dimension for it: on an
// H100, 319 us a layer of TRecViT-B at 25,216 rows, against 224 us for passes of their own.
#include <algorithm>

#include "kernels/column_sums/column_sums_cuda.h"
#include "kernels/partials.cuh"

namespace trecvit::kernels {
namespace {

template <class Io, int V>
__global__ __launch_bounds__(kLanes* kBlockRows) void strip(const ColumnSumsParams<Io> p) {
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * kLanes + threadIdx.x) * V;
  float sums[1][V] = {};
  if (column < p.columns) {
    const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * kBlockRows;
#pragma unroll 8
    for (std::int64_t row = blockIdx.y * kBlockRows + threadIdx.y; row < p.rows; row += step) {
      const auto pack = load_pack<V>(p.x + row * p.columns + column);
#pragma unroll
      for (int k = 0; k < V; ++k) sums[0][k] += widen(pack.v[k]);
    }
  }
  write_block_partials<V, 1>(sums, p.partials, blockIdx.y, p.columns, column);
}

// Blocks along the rows: enough of them in all, each with 8 rows a thread or more.
std::int64_t slots(std::int64_t rows, std::int64_t strips) {
  constexpr std::int64_t kBlocksWanted = 1056, kRowsPerThread = 8;
  return std::max<std::int64_t>(1, std::min(ceil_div(rows, kBlockRows * kRowsPerThread), kBlocksWanted / strips));
}

template <class Io, int V>
bool launch(const ColumnSumsParams<Io>& p, cudaStream_t stream) {
  if (!vector_fits(p.x, p.columns, V)) return false;
  const std::int64_t strips = ceil_div(p.columns, kLanes * V), along = slots(p.rows, strips);
  const dim3 grid = grid_of(strips, along);
  strip<Io, V><<<grid, dim3(kLanes, kBlockRows), 0, stream>>>(p);
  check_launch("column_sums");
  launch_sum_partials<1>(p.partials, along, p.columns, {{p.sums}}, stream);
  return true;
}

}  // namespace

// The strips of either width differ; their number is at least one.
std::int64_t column_sums_partials_cuda(std::int64_t rows, std::int64_t columns) {
  return slots(rows, std::max<std::int64_t>(1, columns / (kLanes * 8))) * columns;
}

template <class Io>
void column_sums_cuda(const ColumnSumsParams<Io>& p, cudaStream_t stream) {
  const bool launched = launch<Io, 16 / sizeof(Io)>(p, stream) || launch<Io, 1>(p, stream);
  ensure(launched, "column_sums fits no vector width");
}

template void column_sums_cuda(const ColumnSumsParams<float>&, cudaStream_t);
template void column_sums_cuda(const ColumnSumsParams<Bf16>&, cudaStream_t);

}  // namespace trecvit::kernels
