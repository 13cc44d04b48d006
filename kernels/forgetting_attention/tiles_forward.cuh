// Forgetting attention forward by tiles. Each group of four warps has a tile of 64 queries; a block's groups share the
// tiles of keys and values, which pass by from the diagonal outwards until the block's first queries drop them.
#pragma once

#include "kernels/forgetting_attention/walk.cuh"
#include "kernels/launch.h"

namespace trecvit::kernels {

template <class P, int kGroups>
struct ForwardShared {
  static constexpr int kTile = P::Lines::kBytes, kRests = kLines * sizeof(float);
  static constexpr int kKeys = kGroups * kTile, kDecays = kKeys + P::kStages * 2 * kTile;
  static constexpr int kBytes = kDecays + P::kStages * kRests;
};

template <class P, int kGroups, int kBlocks>
__global__ __launch_bounds__(kGroups* kGroupThreads,
                             kBlocks) void forgetting_forward(const ForgettingAttentionForward<typename P::Io> p,
                                                              const ForgettingDecays decays) {
  extern __shared__ __align__(1024) unsigned char shared[];
  using Io = typename P::Io;
  using Shared = ForwardShared<P, kGroups>;
  using Lines = typename P::Lines;
  constexpr int D = P::kWidth, kThreads = kGroups * kGroupThreads;
  const int group = warp_index() / kGroupWarps, thread = threadIdx.x, in_group = thread % kGroupThreads;
  const BlockShare share(p.cells());
  const CellView<Io> view(p, share.cell);
  const std::int64_t first_tile = (share.blocks - 1 - share.block) * kGroups, m = first_tile + group;
  const std::int64_t last_tile = min(first_tile + kGroups, view.query_tiles) - 1;
  const bool active = m <= last_tile;
  const std::int64_t tile = active ? m : last_tile;
  const std::uint32_t base = shared_address(shared), queries = base + group * Shared::kTile;
  const double* const ends = decays.ends + view.cell * view.key_tiles;
  const double* const firsts = decays.firsts + view.cell * view.query_tiles;
  const double block_first = firsts[first_tile], own_first = firsts[tile];

  const auto fetch = [&](std::int64_t n, int stage) {
    const std::uint32_t keys = base + Shared::kKeys + stage * 2 * Shared::kTile;
    const int present = view.keys_of(n);
    copy_lines<Lines, kThreads>(keys, view.at(p.k, n * kLines, p.k_stride), p.rows * p.k_stride, kLines, present,
                                thread);
    copy_lines<Lines, kThreads>(keys + Shared::kTile, view.at(p.v, n * kLines, p.v_stride), p.rows * p.v_stride, kLines,
                                present, thread);
    copy_numbers(base + Shared::kDecays + stage * Shared::kRests,
                 decays.rests + (view.cell * view.key_tiles + n) * kLines, Shared::kRests, thread);
  };
  copy_lines<Lines, kGroupThreads>(queries, view.at(p.q, tile * kLines, p.q_stride), p.rows * p.q_stride, kLines,
                                   view.queries_of(tile), in_group);
  std::int64_t n = view.diagonal(last_tile);
  fetch(n, 0);
  commit_copies();
  const std::int64_t own_diagonal = view.diagonal(tile);
  const int row = warp_index() % kGroupWarps * kTileRows + lane_index() / 4, column = 2 * (lane_index() % 4);

  float sums[D / 8][4] = {}, largest[2] = {-INFINITY, -INFINITY}, total[2] = {};
  double end = ends[n];
  int stage = 0;
  while (true) {
    const double next_end = n > 0 ? ends[n - 1] : 0.0;
    const bool more = n > 0 && !view.dropped(block_first, next_end);
    wait_for_copies</*kLater=*/0>();
    P::share();
    __syncthreads();
    if (P::kStages > 1 && more) fetch(n - 1, 1 - stage);
    commit_copies();
    if (active && n <= own_diagonal && !view.dropped(own_first, end)) {
      const std::uint32_t keys = base + Shared::kKeys + stage * 2 * Shared::kTile;
      float s[8][4];
      P::multiply_transposed(s, queries, keys);
      const float* const rests = reinterpret_cast<const float*>(shared + Shared::kDecays + stage * Shared::kRests);
      const float between = static_cast<float>(own_first - end) * kLog2E;
      // Of the tile's keys, the last one that the lane's first row sees.
      const int visible = static_cast<int>(view.offset + m * kLines - n * kLines) + row;
      P::wait(s);
      float most[2] = {largest[0], largest[1]};
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const auto rest = load_pack<2>(rests + 8 * j + column);
#pragma unroll
        for (int e = 0; e < 4; ++e) s[j][e] = fmaf(s[j][e], kLogitScale2<D>, rest.v[e % 2] + between);
      }
      if (view.touches_diagonal(m, n)) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            if (8 * j + column + e % 2 > visible + e / 2 * 8) s[j][e] = -INFINITY;
          }
        }
      }
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) most[e / 2] = fmaxf(most[e / 2], s[j][e]);
      }
      float correction[2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        most[half] = quad_max(most[half]);
        const float base_of_row = most[half] == -INFINITY ? 0.0f : most[half];  // the row sees no key of the tile yet
        correction[half] = exp2_fast(largest[half] - base_of_row);
        total[half] *= correction[half];
        largest[half] = most[half], most[half] = base_of_row;
      }
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          s[j][e] = exp2_fast(s[j][e] - most[e / 2]);
          total[e / 2] += s[j][e];
        }
      }
#pragma unroll
      for (int k = 0; k < D / 8; ++k) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[k][e] *= correction[e / 2];
      }
      P::add_product(sums, s, keys + Shared::kTile);
      P::wait(sums);
    }
    if (!more) break;
    if (P::kStages == 1) {
      __syncthreads();
      fetch(n - 1, 0);
      commit_copies();
    } else {
      stage = 1 - stage;
    }
    --n, end = next_end;
  }
  if (!active) return;
#pragma unroll
  for (int half = 0; half < 2; ++half) total[half] = quad_sum(total[half]);
  const int warp_row = row - lane_index() / 4;
  store_rows<D>(sums, {1.0f / total[0], 1.0f / total[1]}, view.at(p.out, m * kLines + warp_row, p.heads * D),
                p.rows * p.heads * D, view.queries_of(m) - warp_row);
  if (!p.lse || lane_index() % 4 != 0) return;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = row + 8 * half;
    if (query >= view.queries_of(m)) continue;
    const float own = decays.owns[(view.cell * view.query_tiles + m) * kLines + query];
    p.lse[view.cell * p.queries + m * kLines + query] = (largest[half] + log2f(total[half])) * (1.0f / kLog2E) + own;
  }
}

template <class P, int kGroups, int kBlocks>
void launch_forgetting_forward(const ForgettingAttentionForward<typename P::Io>& p, cudaStream_t stream) {
  constexpr int kBytes = ForwardShared<P, kGroups>::kBytes;
  const auto kernel = forgetting_forward<P, kGroups, kBlocks>;
  allow_shared_memory(kernel, kBytes);
  const std::int64_t blocks = p.cells() * ceil_div(p.query_tiles(), kGroups);
  kernel<<<static_cast<unsigned>(blocks), kGroups * kGroupThreads, kBytes, stream>>>(p, ForgettingDecays::of(p));
  check_launch("forgetting_attention forward");
}

}  // namespace trecvit::kernels
