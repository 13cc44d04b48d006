// Spatial attention forward. A block has all keys and values of one (frame, head) in shared memory; a warp takes 16
// queries at a time and keeps their whole rows of S in registers, so that the softmax is a plain one.
#include <algorithm>

#include "kernels/launch.h"
#include "kernels/spatial_attention/forward.cuh"
#include "kernels/spatial_attention/hopper.h"
#include "kernels/spatial_attention/spatial_attention_cuda.h"
#include "kernels/spatial_attention/widths.h"

namespace trecvit::kernels {
namespace {

// Keys fill at most kGroups groups of 8 and more than kFull.
template <int D, int kGroups, int kFull, int kWarps, int kBlocks>
__global__ __launch_bounds__(kWarps* kWarpLanes, kBlocks) void forward(const SpatialAttentionForward<Bf16> p) {
  extern __shared__ __align__(256) unsigned char shared[];
  constexpr int kTiles = (kGroups + 1) / 2, kBytes = Tile<D>::kBytes;
  const int tokens = static_cast<int>(p.tokens), warps = blockDim.x / kWarpLanes, warp = warp_index();
  const std::uint32_t keys = shared_address(shared), values = keys + kTiles * kBytes;
  const std::uint32_t queries = values + (kTiles + warp) * kBytes;  // the warp's own
  const unsigned heads = static_cast<unsigned>(p.heads), head = blockIdx.x % heads;
  const std::int64_t frame = blockIdx.x / heads;
  const int width = static_cast<int>(heads) * D, stride = 3 * width;
  const Bf16* q = p.qkv + frame * tokens * stride + head * D;

  int row = (blockIdx.y * warps + warp) * kTileRows;
  pdl_wait();
  pdl_launch_dependents();
  copy_tile<D>(queries, q, stride, row, tokens);
  for (int t = warp; t < kTiles; t += warps) copy_tile<D>(keys + t * kBytes, q + width, stride, t * kTileRows, tokens);
  commit_copies();
  for (int t = warp; t < kTiles; t += warps) {
    copy_tile<D>(values + t * kBytes, q + 2 * width, stride, t * kTileRows, tokens);
  }
  commit_copies();
  wait_for_copies</*kLater=*/1>();
  __syncthreads();
  bool first = true;
  do {  // once even where there are no queries left, for the barrier
    // S = q k^T, not yet scaled.
    float s[2 * kTiles][4] = {};
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
      const Fragment a = load_matrices(at_columns<D>(lane_address<D>(queries), k));
      const std::uint32_t column = at_columns<D>(lane_address_b<D>(keys), k);
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        const Fragment b = load_matrices(column + t * kBytes);
        multiply(s[2 * t], a, b.v[0], b.v[1], /*first=*/k == 0);
        if (2 * t + 1 < kGroups) multiply(s[2 * t + 1], a, b.v[2], b.v[3], /*first=*/k == 0);
      }
    }
    __syncwarp();
    const int next = row + gridDim.y * warps * kTileRows;
    if (next < tokens) copy_tile<D>(queries, q, stride, next, tokens);
    commit_copies();

    RowSums rows = find_largest<D, kGroups, kFull>(s, tokens);
    if (first) {
      wait_for_copies</*kLater=*/1>();
      __syncthreads();
      first = false;
    }
    // Exponentials and their product with v, tile by tile, so that both kinds of unit are busy.
    float sums[D / 8][4];
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      const Fragment a = exponentials<D, kGroups>(s, t, rows);
#pragma unroll
      for (int k = 0; k < D / 16; ++k) {
        const Fragment b = load_transposed(at_columns<D>(lane_address<D>(values), k) + t * kBytes);
        multiply(sums + 2 * k, a, b, /*first=*/t == 0);
      }
    }
    write_rows<D>(p, frame, head, row, sums, rows);
    wait_for_copies</*kLater=*/0>();
    __syncwarp();
    row = next;
  } while (row < tokens);
}

// How a kernel for these sizes is launched.
template <int D, int kGroups>
struct Plan {
  // Blocks to a multiprocessor: as many as have registers for S (4 to a group and lane) and 64 more, or for P v and 32
  // more. The widest heads leave room for one in shared memory, which then has more warps.
  static constexpr int kWarps = D > 96 ? 8 : 4, kThreads = kWarps * kWarpLanes;
  static constexpr int kBlocks = 65536 / ((4 * kGroups + std::max(64, D / 2 + 32)) * kThreads);
  static constexpr int kShared = ((kGroups + 1) / 2 * 2 + kWarps) * Tile<D>::kBytes;
};

template <int D, int kGroups, int kFull>
void launch(const SpatialAttentionForward<Bf16>& p, cudaStream_t stream) {
  using P = Plan<D, kGroups>;
  const auto kernel = forward<D, kGroups, kFull, P::kWarps, P::kBlocks>;
  allow_shared_memory(kernel, P::kShared);
  // Where there are few frames, several blocks share the queries of one.
  const std::int64_t tiles = ceil_div(p.tokens, kTileRows), warps = std::min<std::int64_t>(P::kWarps, tiles);
  const std::int64_t items = p.frames * p.heads, room = P::kBlocks * multiprocessors() / items;
  const std::int64_t shares = std::clamp<std::int64_t>(room, 1, ceil_div(tiles, warps));
  const dim3 grid = grid_of(items, shares);
  launch_dependent("spatial_attention forward", kernel, grid, static_cast<unsigned>(warps * kWarpLanes), P::kShared,
                   stream, p);
}

template <int kGroups, int kFull>
struct Groups {};

// f(Groups{}) of the kernel for so many groups of keys. Widths that are less common have fewer.
template <int D, class F>
void with_groups(std::int64_t groups, const F& f) {
  if constexpr (D <= 64) {
    if (groups <= 4) return f(Groups<4, 0>{});
    if (groups <= 9) return f(Groups<9, 4>{});
    if (groups <= 13) return f(Groups<13, 9>{});
    if (groups <= 17) return f(Groups<17, 13>{});
    if (groups <= 21) return f(Groups<21, 17>{});
    if (groups <= 25) return f(Groups<25, 21>{});
    if (groups <= 29) return f(Groups<29, 25>{});
    f(Groups<34, 29>{});
  } else {
    if (groups <= 9) return f(Groups<9, 0>{});
    if (groups <= 17) return f(Groups<17, 9>{});
    if (groups <= 25) return f(Groups<25, 17>{});
    f(Groups<34, 25>{});
  }
}

// f(Width{}, Groups{}). False: no kernel has this size.
template <class F>
bool with_size(std::int64_t tokens, std::int64_t head_width, const F& f) {
  return tokens >= 1 && tokens <= kMostTokens && with_width(head_width, [&]<int D>(Width<D> width) {
           with_groups<D>(ceil_div(tokens, 8), [&](auto groups) { f(width, groups); });
         });
}

}  // namespace

bool spatial_attention_forward_served_cuda(std::int64_t tokens, std::int64_t head_width) {
  int bytes = 0;
  const auto need = [&]<int D, int kGroups, int kFull>(Width<D>, Groups<kGroups, kFull>) {
    bytes = Plan<D, kGroups>::kShared;
  };
  return with_size(tokens, head_width, need) && architecture() >= 80 && bytes <= largest_shared_memory();
}

void spatial_attention_forward_cuda(const SpatialAttentionForward<Bf16>& p, cudaStream_t stream) {
  ensure(spatial_attention_forward_served_cuda(p.tokens, p.head_width), "spatial_attention forward: N ", p.tokens,
         ", D ", p.head_width);
  if (spatial_attention_hopper_served(p.tokens, p.head_width)) return spatial_attention_forward_hopper(p, stream);
  with_size(p.tokens, p.head_width, [&]<int D, int kGroups, int kFull>(Width<D>, Groups<kGroups, kFull>) {
    launch<D, kGroups, kFull>(p, stream);
  });
}

}  // namespace trecvit::kernels
