// Spatial attention forward by warpgroups. As in forward.cu a block has all keys and values of one (frame, head) in
// shared memory, and whole rows of S are in registers; but the block's four warps multiply together, 64 queries at a
// time, and products read k and v from shared memory by themselves, once for 64 queries instead of once for 16.
#include <algorithm>

#include "kernels/launch.h"
#include "kernels/spatial_attention/forward.cuh"
#include "kernels/spatial_attention/hopper.h"
#include "kernels/spatial_attention/warpgroup.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kWidth = 64, kWarps = 4, kThreads = kWarps * kWarpLanes, kRows = kWarps * kTileRows;
constexpr int kSliceGroups = 5;  // of 8 keys: a product's columns

// S has kSlices slices; the last one may be filled in part.
template <int kSlices>
struct Plan {
  static constexpr int kGroups = kSlices * kSliceGroups, kTiles = (kGroups + 1) / 2;
  // Blocks to a multiprocessor: as many as have registers for S (4 to a group and lane) and 64 more.
  static constexpr int kBlocks = 65536 / ((4 * kGroups + 64) * kThreads);
  static constexpr int kShared = (2 * kTiles + kWarps) * Tile<kWidth>::kBytes;
};

template <int kSlices>
__global__ __launch_bounds__(kThreads, Plan<kSlices>::kBlocks) void forward(const SpatialAttentionForward<Bf16> p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ __align__(1024) unsigned char shared[];
  constexpr int D = kWidth, kGroups = Plan<kSlices>::kGroups, kTiles = Plan<kSlices>::kTiles, kBytes = Tile<D>::kBytes;
  const int tokens = static_cast<int>(p.tokens), warp = warp_index();
  const std::uint32_t keys = shared_address(shared), values = keys + kTiles * kBytes;
  const std::uint32_t queries = values + (kTiles + warp) * kBytes;  // the warp's own
  const unsigned heads = static_cast<unsigned>(p.heads), head = blockIdx.x % heads;
  const std::int64_t frame = blockIdx.x / heads;
  const int width = static_cast<int>(heads) * D, stride = 3 * width;
  const Bf16* const q = p.qkv + frame * tokens * stride + head * D;
  pdl_wait();
  pdl_launch_dependents();

  int row = blockIdx.y * kRows + warp * kTileRows;
  copy_tile<D>(queries, q, stride, row, tokens);
  for (int t = warp; t < kTiles; t += kWarps) copy_tile<D>(keys + t * kBytes, q + width, stride, t * kTileRows, tokens);
  commit_copies();
  for (int t = warp; t < kTiles; t += kWarps) {
    copy_tile<D>(values + t * kBytes, q + 2 * width, stride, t * kTileRows, tokens);
  }
  commit_copies();
  wait_for_copies</*kLater=*/1>();
  share_copies();
  __syncthreads();
  bool first = true;
  for (int turn = blockIdx.y; turn * kRows < tokens; turn += gridDim.y) {  // all warps take part in all of the block's
    // S = q k^T, not yet scaled.
    Fragment a[D / 16];
#pragma unroll
    for (int k = 0; k < D / 16; ++k) a[k] = load_matrices(at_columns<D>(lane_address<D>(queries), k));
    float s[2 * kTiles][4] = {};
    begin_products();
#pragma unroll
    for (int slice = 0; slice < kSlices; ++slice) {
#pragma unroll
      for (int k = 0; k < D / 16; ++k) {
        const std::uint32_t at = keys + slice * kSliceGroups * 8 * Tile<D>::kRowBytes + k * 32;
        multiply_transposed(s + slice * kSliceGroups, a[k], describe(at), /*add=*/k > 0);
      }
    }
    commit_products();
    wait_for_products(s);
    __syncwarp();  // all lanes have read the queries that the next ones overwrite; products wait for registers alone
    const int next = row + gridDim.y * kRows;
    if (next < tokens) copy_tile<D>(queries, q, stride, next, tokens);
    commit_copies();

    RowSums rows = find_largest<D, kGroups, kGroups - kSliceGroups>(s, tokens);
    if (first) {
      wait_for_copies</*kLater=*/1>();
      share_copies();
      __syncthreads();
      first = false;
    }
    // Products with v run while the next exponentials are calculated.
    float sums[D / 8][4];
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      const Fragment weights = exponentials<D, kGroups>(s, t, rows);
      begin_products();
      multiply(sums, weights, describe(values + t * kBytes), /*add=*/t > 0);
      commit_products();
    }
    wait_for_products(sums);
    write_rows<D>(p, frame, head, row, sums, rows);
    wait_for_copies</*kLater=*/0>();
    __syncwarp();
    row = next;
  }
#endif
}

template <int kSlices>
void launch(const SpatialAttentionForward<Bf16>& p, cudaStream_t stream) {
  using P = Plan<kSlices>;
  allow_shared_memory(forward<kSlices>, P::kShared);
  // Where there are few frames, several blocks share the queries of one.
  const std::int64_t items = p.frames * p.heads, room = P::kBlocks * multiprocessors() / items;
  const std::int64_t shares = std::clamp<std::int64_t>(room, 1, ceil_div(p.tokens, kRows));
  const dim3 grid = grid_of(items, shares);
  launch_dependent("spatial_attention forward", forward<kSlices>, grid, kThreads, P::kShared, stream, p);
}

}  // namespace

bool spatial_attention_hopper_served(std::int64_t tokens, std::int64_t head_width) {
  return head_width == kWidth && tokens > 48 && tokens <= kMostTokens && runs_hopper_code();
}

void spatial_attention_forward_hopper(const SpatialAttentionForward<Bf16>& p, cudaStream_t stream) {
  switch (ceil_div(p.tokens, 8 * kSliceGroups)) {
    case 2:
      return launch<2>(p, stream);
    case 3:
      return launch<3>(p, stream);
    case 4:
      return launch<4>(p, stream);
    case 5:
      return launch<5>(p, stream);
    case 6:
      return launch<6>(p, stream);
    default:
      launch<7>(p, stream);
  }
}

}  // namespace trecvit::kernels
