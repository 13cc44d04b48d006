// Sums of log f over time and, backwards, of its gradient. A warp sums within a tile, two positions to a lane; then a
// block to a cell joins the tiles' totals. All of it in fp64.
#include "kernels/forgetting_attention/decays.cuh"
#include "kernels/launch.h"
#include "kernels/tensor_cores.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kTile = static_cast<int>(kForgettingTile), kWarps = 8, kScanThreads = 256;

// A warp's tile: eight adjacent cells, which share sectors of memory, to a block.
struct WarpTile {
  std::int64_t cell, tile;
  __device__ __forceinline__ explicit WarpTile(std::int64_t tiles)
      : cell(blockIdx.x / tiles * kWarps + threadIdx.x / kWarpLanes), tile(blockIdx.x % tiles) {}
};

// Two adjacent positions, and the sums of all before the first one and from there to the end of the tile.
struct Two {
  float first, second;
  double before, from, total;

  __device__ __forceinline__ Two(float a, float b) : first(a), second(b) {
    const double own = static_cast<double>(a) + b;
    double sum = own;
#pragma unroll
    for (int reach = 1; reach < kWarpLanes; reach *= 2) {
      const double other = __shfl_up_sync(~0u, sum, reach);
      if (lane_index() >= reach) sum += other;
    }
    total = __shfl_sync(~0u, sum, kWarpLanes - 1);
    const double previous = __shfl_up_sync(~0u, sum, 1);
    before = lane_index() == 0 ? 0.0 : previous;
    from = total - before;
  }
};

__global__ __launch_bounds__(kWarps* kWarpLanes) void sum_in_tiles(const float* all, const ForgettingDecays decays,
                                                                   std::int64_t cells, std::int64_t queries,
                                                                   std::int64_t keys) {
  const std::int64_t key_tiles = (keys + kTile - 1) / kTile, query_tiles = (queries + kTile - 1) / kTile;
  const WarpTile at(key_tiles);
  if (at.cell >= cells) return;
  const auto gate = [&](std::int64_t t) { return t < keys ? all[t * cells + at.cell] : 0.0f; };
  {
    const std::int64_t t = at.tile * kTile + 2 * lane_index(), to = at.cell * key_tiles + at.tile;
    const Two two(gate(t), gate(t + 1));
    const double rest = two.from - two.first;
    const Pack<float, 2> rests{{static_cast<float>(rest * kLog2E), static_cast<float>((rest - two.second) * kLog2E)}};
    store_pack(decays.rests + to * kTile + 2 * lane_index(), rests);
    if (lane_index() == 0) decays.ends[to] = two.total;
  }
  if (at.tile < query_tiles) {
    // Since the first query, whose own gate does not count; and from the start of its key tile to the first query.
    const std::int64_t first = keys - queries + at.tile * kTile, t = first + 2 * lane_index();
    const Two two(lane_index() == 0 ? 0.0f : gate(t), gate(t + 1));
    const std::int64_t start = first / kTile * kTile + 2 * lane_index(), to = at.cell * query_tiles + at.tile;
    const Two up_to(start <= first ? gate(start) : 0.0f, start + 1 <= first ? gate(start + 1) : 0.0f);
    const double sum = two.before + two.first;
    const Pack<float, 2> owns{{static_cast<float>(sum), static_cast<float>(sum + two.second)}};
    store_pack(decays.owns + to * kTile + 2 * lane_index(), owns);
    if (lane_index() == 0) decays.firsts[to] = up_to.total;
  }
}

// sums[i] += the sums before it, of a cell's tiles, in place; from the last tile on when `reversed`. By one block.
__device__ __forceinline__ void scan_tiles(double* sums, std::int64_t tiles, bool reversed) {
  __shared__ double shared[kScanThreads];
  const auto at = [&](std::int64_t i) { return reversed ? tiles - 1 - i : i; };
  double carry = 0;
  for (std::int64_t base = 0; base < tiles; base += kScanThreads) {
    const std::int64_t i = base + threadIdx.x;
    double sum = i < tiles ? sums[at(i)] : 0.0;
#pragma unroll
    for (int reach = 1; reach < kScanThreads; reach *= 2) {
      __syncthreads();
      shared[threadIdx.x] = sum;
      __syncthreads();
      if (static_cast<int>(threadIdx.x) >= reach) sum += shared[threadIdx.x - reach];
    }
    __syncthreads();
    shared[threadIdx.x] = sum;
    __syncthreads();
    if (i < tiles) sums[at(i)] = carry + sum;
    carry += shared[kScanThreads - 1];
  }
  __syncthreads();
}

__global__ __launch_bounds__(kScanThreads) void join_decays(const ForgettingDecays decays, std::int64_t queries,
                                                            std::int64_t keys) {
  const std::int64_t key_tiles = (keys + kTile - 1) / kTile, query_tiles = (queries + kTile - 1) / kTile;
  double* const ends = decays.ends + blockIdx.x * key_tiles;
  scan_tiles(ends, key_tiles, /*reversed=*/false);
  for (std::int64_t m = threadIdx.x; m < query_tiles; m += kScanThreads) {
    const std::int64_t key_tile = (keys - queries + m * kTile) / kTile;
    if (key_tile > 0) decays.firsts[blockIdx.x * query_tiles + m] += ends[key_tile - 1];
  }
}

__global__ __launch_bounds__(kWarps* kWarpLanes) void sum_gradients_in_tiles(const ForgettingSums sums,
                                                                             std::int64_t cells, std::int64_t tiles) {
  const WarpTile at(tiles);
  if (at.cell >= cells) return;
  const std::int64_t from = at.cell * tiles + at.tile;
  const auto dc = load_pack<2>(sums.dc + from * kTile + 2 * lane_index());
  const Two two(dc.v[0], dc.v[1]);
  if (lane_index() == 0) sums.tiles[from] = two.total;
}

__global__ __launch_bounds__(kScanThreads) void join_gradients(const ForgettingSums sums, std::int64_t tiles) {
  scan_tiles(sums.tiles + blockIdx.x * tiles, tiles, /*reversed=*/true);
}

__global__ __launch_bounds__(kWarps* kWarpLanes) void write_gradients(const ForgettingSums sums, float* dlog_f,
                                                                      std::int64_t cells, std::int64_t tiles,
                                                                      std::int64_t keys) {
  const WarpTile at(tiles);
  if (at.cell >= cells) return;
  const std::int64_t from = at.cell * tiles + at.tile, t = at.tile * kTile + 2 * lane_index();
  const auto dc = load_pack<2>(sums.dc + from * kTile + 2 * lane_index());
  const Two two(dc.v[0], dc.v[1]);
  const double here = two.from + (at.tile + 1 < tiles ? sums.tiles[from + 1] : 0.0);
  if (t < keys) dlog_f[t * cells + at.cell] = static_cast<float>(here);
  if (t + 1 < keys) dlog_f[(t + 1) * cells + at.cell] = static_cast<float>(here - two.first);
}

// A warp to a tile of a cell.
dim3 grid_of_tiles(std::int64_t cells, std::int64_t tiles) { return grid_of(tiles * ceil_div(cells, kWarps)); }

}  // namespace

void launch_forgetting_decays(const float* log_f, const ForgettingDecays& decays, std::int64_t cells,
                              std::int64_t queries, std::int64_t keys, cudaStream_t stream) {
  const dim3 grid = grid_of_tiles(cells, ceil_div(keys, kTile));
  sum_in_tiles<<<grid, kWarps * kWarpLanes, 0, stream>>>(log_f, decays, cells, queries, keys);
  check_launch("forgetting_attention decays");
  join_decays<<<grid_of(cells), kScanThreads, 0, stream>>>(decays, queries, keys);
  check_launch("forgetting_attention decays, joined");
}

void launch_forgetting_gate_gradients(const ForgettingSums& sums, float* dlog_f, std::int64_t cells, std::int64_t keys,
                                      cudaStream_t stream) {
  const std::int64_t tiles = ceil_div(keys, kTile);
  sum_gradients_in_tiles<<<grid_of_tiles(cells, tiles), kWarps * kWarpLanes, 0, stream>>>(sums, cells, tiles);
  check_launch("forgetting_attention gate gradients");
  join_gradients<<<grid_of(cells), kScanThreads, 0, stream>>>(sums, tiles);
  check_launch("forgetting_attention gate gradients, joined");
  write_gradients<<<grid_of_tiles(cells, tiles), kWarps * kWarpLanes, 0, stream>>>(sums, dlog_f, cells, tiles, keys);
  check_launch("forgetting_attention gate gradients, written");
}

}  // namespace trecvit::kernels
