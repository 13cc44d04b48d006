// Sums of log f over time and, backwards, of its gradient. A block takes a few cells; each of its threads some
// adjacent tiles, whose sums a scan over the block joins. All of it in fp64, of numbers that are read once or twice.
#include <algorithm>

#include "kernels/device.cuh"
#include "kernels/forgetting_attention/decays.cuh"
#include "kernels/launch.h"

namespace trecvit::kernels {
namespace {

constexpr int kTile = static_cast<int>(kForgettingTile), kMostThreads = 512;

// A tile of one cell; zeros beyond the last position.
struct Gates {
  float v[kTile];

  __device__ __forceinline__ Gates(const float* log_f, std::int64_t first, std::int64_t keys, std::int64_t cells) {
#pragma unroll
    for (int t = 0; t < kTile; ++t) v[t] = first + t < keys ? log_f[(first + t) * cells] : 0.0f;
  }
  __device__ __forceinline__ double sum() const {
    double total = 0;
#pragma unroll
    for (int t = 0; t < kTile; ++t) total += v[t];
    return total;
  }
};

// The sum over the threads of a cell (threadIdx.y) that come before this one. Called by all threads.
__device__ __forceinline__ double sum_before(double own) {
  __shared__ double sums[kMostThreads];
  const int at = threadIdx.y * blockDim.x + threadIdx.x;
  double inclusive = own;
  for (int reach = 1; reach < static_cast<int>(blockDim.y); reach *= 2) {
    __syncthreads();
    sums[at] = inclusive;
    __syncthreads();
    if (static_cast<int>(threadIdx.y) >= reach) inclusive += sums[at - reach * blockDim.x];
  }
  __syncthreads();
  sums[at] = inclusive;
  __syncthreads();
  return threadIdx.y == 0 ? 0.0 : sums[at - blockDim.x];
}

struct Share {
  std::int64_t cell, begin, end;  // tiles
};
__device__ __forceinline__ Share share_of(std::int64_t tiles) {
  const std::int64_t each = (tiles + blockDim.y - 1) / blockDim.y, begin = threadIdx.y * each;
  return {static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, begin,
          begin + each < tiles ? begin + each : tiles};
}

__global__ __launch_bounds__(kMostThreads) void make_decays(const float* all, ForgettingDecays decays,
                                                            std::int64_t cells, std::int64_t queries,
                                                            std::int64_t keys) {
  const std::int64_t key_tiles = (keys + kTile - 1) / kTile, query_tiles = (queries + kTile - 1) / kTile;
  const Share share = share_of(key_tiles);
  const bool present = share.cell < cells;
  const float* const log_f = all + (present ? share.cell : 0);
  double total = 0;
  for (std::int64_t tile = share.begin; tile < share.end; ++tile) total += Gates(log_f, tile * kTile, keys, cells).sum();
  double c = sum_before(total);
  for (std::int64_t tile = share.begin; tile < share.end && present; ++tile) {
    const Gates gates(log_f, tile * kTile, keys, cells);
    const double sum = gates.sum();
    c += sum;
    const std::int64_t at = share.cell * key_tiles + tile;
    decays.ends[at] = c;
    double rest = sum;
#pragma unroll
    for (int t = 0; t < kTile; t += 4) {
      Pack<float, 4> four;
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        rest -= gates.v[t + e];
        four.v[e] = static_cast<float>(rest * kLog2E);
      }
      store_pack(decays.rests + at * kTile + t, four);
    }
  }
  __syncthreads();  // the ends are there
  const Share own = share_of(query_tiles);
  for (std::int64_t tile = own.begin; tile < own.end && present; ++tile) {
    const std::int64_t first = keys - queries + tile * kTile, key_tile = first / kTile;
    double at_first = key_tile > 0 ? decays.ends[own.cell * key_tiles + key_tile - 1] : 0.0;
    for (std::int64_t t = key_tile * kTile; t <= first; ++t) at_first += log_f[t * cells];
    const std::int64_t at = own.cell * query_tiles + tile;
    decays.firsts[at] = at_first;
    const Gates gates(log_f, first, keys, cells);
    double since = 0;
#pragma unroll
    for (int t = 0; t < kTile; t += 4) {
      Pack<float, 4> four;
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        since += t + e > 0 ? gates.v[t + e] : 0.0f;
        four.v[e] = static_cast<float>(since);
      }
      store_pack(decays.owns + at * kTile + t, four);
    }
  }
}

__global__ __launch_bounds__(kMostThreads) void sum_gradients(const float* all, float* dlog_f, std::int64_t cells,
                                                              std::int64_t keys) {
  const std::int64_t tiles = (keys + kTile - 1) / kTile;
  // The first thread has the last tiles.
  const Share share = share_of(tiles);
  const bool present = share.cell < cells;
  const float* const dc = all + (present ? share.cell : 0) * tiles * kTile;
  double total = 0;
  for (std::int64_t i = share.begin; i < share.end; ++i) {
    const float* const tile = dc + (tiles - 1 - i) * kTile;
#pragma unroll
    for (int t = 0; t < kTile; t += 4) {
      const auto four = load_pack<4>(tile + t);
      total += static_cast<double>(four.v[0]) + four.v[1] + four.v[2] + four.v[3];
    }
  }
  double sum = sum_before(total);
  for (std::int64_t i = share.begin; i < share.end && present; ++i) {
    const std::int64_t first = (tiles - 1 - i) * kTile;
#pragma unroll
    for (int t = kTile - 4; t >= 0; t -= 4) {
      const auto four = load_pack<4>(dc + first + t);
#pragma unroll
      for (int e = 3; e >= 0; --e) {
        sum += four.v[e];
        if (first + t + e < keys) dlog_f[(first + t + e) * cells + share.cell] = static_cast<float>(sum);
      }
    }
  }
}

// Eight adjacent cells are a sector of memory. Where there are few, they have a block each.
struct Grid {
  dim3 grid, block;
};
Grid grid_for(std::int64_t cells, std::int64_t tiles) {
  const unsigned across = cells < 512 ? 1 : 8;
  const auto most = static_cast<std::int64_t>(kMostThreads / across);
  unsigned along = 1;
  while (along < std::min(tiles, most)) along *= 2;
  return {dim3(static_cast<unsigned>(ceil_div(cells, across))), dim3(across, along)};
}

}  // namespace

void launch_forgetting_decays(const float* log_f, const ForgettingDecays& decays, std::int64_t cells,
                              std::int64_t queries, std::int64_t keys, cudaStream_t stream) {
  const Grid g = grid_for(cells, ceil_div(keys, kTile));
  make_decays<<<g.grid, g.block, 0, stream>>>(log_f, decays, cells, queries, keys);
  check_launch("forgetting_attention decays");
}

void launch_forgetting_gate_gradients(const float* dc, float* dlog_f, std::int64_t cells, std::int64_t keys,
                                      cudaStream_t stream) {
  const Grid g = grid_for(cells, ceil_div(keys, kTile));
  sum_gradients<<<g.grid, g.block, 0, stream>>>(dc, dlog_f, cells, keys);
  check_launch("forgetting_attention gate gradients");
}

}  // namespace trecvit::kernels
