// Forgetting attention backward by tiles, in two sweeps over the pairs that forward kept: groups of four warps that own
// 64 queries sum dq over keys, then groups that own 64 keys sum dk and dv over queries. Every sum has one owner, in
// registers, so the order of summation is fixed. P and dS are made twice for that: seven products instead of five.
#pragma once

#include "kernels/forgetting_attention/walk.cuh"
#include "kernels/launch.h"

namespace trecvit::kernels {

// Both sweeps: a group's own two tiles, and stages of two tiles that pass by with up to 512 bytes of numbers.
template <class P, int kGroups>
struct BackwardShared {
  static constexpr int kTile = P::Lines::kBytes, kNumbers = kLines * sizeof(float2);
  static constexpr int kPassing = kGroups * 2 * kTile, kDecays = kPassing + P::kStages * 2 * kTile;
  static constexpr int kBytes = kDecays + P::kStages * kNumbers;
};

// The dot product of two lines of D, in the four lanes of a quad.
template <int D, class Io>
__device__ __forceinline__ float quad_product(const Io* a, const Io* b) {
  constexpr int kPer = 16 / sizeof(Io);
  float sum = 0;
#pragma unroll
  for (int chunk = 0; chunk < D / kPer; chunk += 4) {
    const int at = (chunk + lane_index() % 4) * kPer;
    if (at >= D) continue;
    const auto x = load_pack<kPer>(a + at), y = load_pack<kPer>(b + at);
#pragma unroll
    for (int e = 0; e < kPer; ++e) sum = fmaf(widen(x.v[e]), widen(y.v[e]), sum);
  }
  return quad_sum(sum);
}

template <class P, int kGroups, int kBlocks>
__global__ __launch_bounds__(kGroups* kGroupThreads,
                             kBlocks) void forgetting_query_sweep(const ForgettingAttentionBackward<typename P::Io> p,
                                                                  const ForgettingDecays decays,
                                                                  const ForgettingSums handed) {
  extern __shared__ __align__(1024) unsigned char shared[];
  using Io = typename P::Io;
  using Shared = BackwardShared<P, kGroups>;
  using Lines = typename P::Lines;
  constexpr int D = P::kWidth, kThreads = kGroups * kGroupThreads;
  const int group = warp_index() / kGroupWarps, thread = threadIdx.x, in_group = thread % kGroupThreads;
  const std::int64_t cells = p.cells(), out_step = p.rows * p.heads * D;
  const BlockShare share(cells);
  const CellView<Io> view(p, share.cell);
  const std::int64_t first_tile = (share.blocks - 1 - share.block) * kGroups, m = first_tile + group;
  const std::int64_t last_tile = min(first_tile + kGroups, view.query_tiles) - 1;
  const bool active = m <= last_tile;
  const std::int64_t tile = active ? m : last_tile;
  const std::uint32_t base = shared_address(shared), queries = base + group * 2 * Shared::kTile;
  const double* const ends = decays.ends + view.cell * view.key_tiles;
  const double* const firsts = decays.firsts + view.cell * view.query_tiles;
  const double block_first = firsts[first_tile], own_first = firsts[tile];

  const auto fetch = [&](std::int64_t n, int stage) {
    const std::uint32_t keys = base + Shared::kPassing + stage * 2 * Shared::kTile;
    const int present = view.keys_of(n);
    copy_lines<Lines, kThreads>(keys, view.at(p.k, n * kLines, p.k_stride), p.rows * p.k_stride, kLines, present,
                                thread);
    copy_lines<Lines, kThreads>(keys + Shared::kTile, view.at(p.v, n * kLines, p.v_stride), p.rows * p.v_stride, kLines,
                                present, thread);
    copy_numbers(base + Shared::kDecays + stage * Shared::kNumbers,
                 decays.rests + (view.cell * view.key_tiles + n) * kLines, kLines * sizeof(float), thread);
  };
  const int own_queries = view.queries_of(tile);
  copy_lines<Lines, kGroupThreads>(queries, view.at(p.q, tile * kLines, p.q_stride), p.rows * p.q_stride, kLines,
                                   own_queries, in_group);
  copy_lines<Lines, kGroupThreads>(queries + Shared::kTile, view.at(p.dout, tile * kLines, p.heads * D), out_step,
                                   kLines, own_queries, in_group);
  std::int64_t n = view.diagonal(last_tile);
  fetch(n, 0);
  commit_copies();
  const std::int64_t own_diagonal = view.diagonal(tile);
  const int row = warp_index() % kGroupWarps * kTileRows + lane_index() / 4, column = 2 * (lane_index() % 4);

  // Queries beyond the last have an infinite lse, so that their weights are 0.
  float lse[2], delta[2];
  const std::int64_t numbers = (view.cell * view.query_tiles + tile) * kLines;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = row + 8 * half, there = min(query, own_queries - 1);
    const std::int64_t t = tile * kLines + there;
    delta[half] = quad_product<D>(view.at(p.out, t, p.heads * D), view.at(p.dout, t, p.heads * D));
    lse[half] = (p.lse[view.cell * p.queries + t] - decays.owns[numbers + there]) * kLog2E;
    if (query >= own_queries) lse[half] = INFINITY, delta[half] = 0;
    if (active && lane_index() % 4 == 0) handed.statistics[numbers + query] = make_float2(lse[half], delta[half]);
  }

  float sums[D / 8][4] = {}, row_sums[2] = {};
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
      const std::uint32_t keys = base + Shared::kPassing + stage * 2 * Shared::kTile;
      float s[8][4], ds[8][4];
      P::multiply_transposed(s, queries, keys);
      P::multiply_transposed(ds, queries + Shared::kTile, keys + Shared::kTile);
      const float* const rests = reinterpret_cast<const float*>(shared + Shared::kDecays + stage * Shared::kNumbers);
      const float between = static_cast<float>(own_first - end) * kLog2E;
      const int visible = static_cast<int>(view.offset + m * kLines - n * kLines) + row;
      P::wait(s);
      P::wait(ds);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const auto rest = load_pack<2>(rests + 8 * j + column);
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          s[j][e] = exp2_fast(fmaf(s[j][e], kLogitScale2<D>, rest.v[e % 2] + between) - lse[e / 2]);
          ds[j][e] = s[j][e] * (ds[j][e] - delta[e / 2]);
        }
      }
      if (view.touches_diagonal(m, n)) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            if (8 * j + column + e % 2 > visible + e / 2 * 8) ds[j][e] = 0;
          }
        }
      }
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) row_sums[e / 2] += ds[j][e];
      }
      P::add_product(sums, ds, keys);
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
  const int warp_row = row - lane_index() / 4;
  store_rows<D>(sums, {kLogitScale<D>, kLogitScale<D>}, view.at(p.dq, m * kLines + warp_row, p.dq_stride),
                p.rows * p.dq_stride, own_queries - warp_row);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    row_sums[half] = quad_sum(row_sums[half]);
    if (lane_index() % 4 == 0) handed.rows[numbers + row + 8 * half] = row_sums[half];
  }
}

template <class P, int kGroups, int kBlocks>
__global__ __launch_bounds__(kGroups* kGroupThreads,
                             kBlocks) void forgetting_key_sweep(const ForgettingAttentionBackward<typename P::Io> p,
                                                                const ForgettingDecays decays,
                                                                const ForgettingSums handed) {
  extern __shared__ __align__(1024) unsigned char shared[];
  using Io = typename P::Io;
  using Shared = BackwardShared<P, kGroups>;
  using Lines = typename P::Lines;
  constexpr int D = P::kWidth, kThreads = kGroups * kGroupThreads;
  const int group = warp_index() / kGroupWarps, thread = threadIdx.x, in_group = thread % kGroupThreads;
  const std::int64_t cells = p.cells(), out_step = p.rows * p.heads * D;
  const BlockShare share(cells);
  const CellView<Io> view(p, share.cell);
  const std::int64_t first_tile = share.block * kGroups, n = first_tile + group;
  const std::int64_t last_tile = min(first_tile + kGroups, view.key_tiles) - 1;
  const bool active = n <= last_tile;
  const std::int64_t tile = active ? n : last_tile;
  const std::uint32_t base = shared_address(shared), keys = base + group * 2 * Shared::kTile;
  const double* const ends = decays.ends + view.cell * view.key_tiles;
  const double* const firsts = decays.firsts + view.cell * view.query_tiles;
  const double block_end = ends[last_tile], own_end = ends[tile];

  const auto fetch = [&](std::int64_t m, int stage) {
    const std::uint32_t queries = base + Shared::kPassing + stage * 2 * Shared::kTile;
    const int present = view.queries_of(m);
    copy_lines<Lines, kThreads>(queries, view.at(p.q, m * kLines, p.q_stride), p.rows * p.q_stride, kLines, present,
                                thread);
    copy_lines<Lines, kThreads>(queries + Shared::kTile, view.at(p.dout, m * kLines, p.heads * D), out_step, kLines,
                                present, thread);
    copy_numbers(base + Shared::kDecays + stage * Shared::kNumbers,
                 handed.statistics + (view.cell * view.query_tiles + m) * kLines, Shared::kNumbers, thread);
  };
  const int own_keys = view.keys_of(tile);
  copy_lines<Lines, kGroupThreads>(keys, view.at(p.k, tile * kLines, p.k_stride), p.rows * p.k_stride, kLines, own_keys,
                                   in_group);
  copy_lines<Lines, kGroupThreads>(keys + Shared::kTile, view.at(p.v, tile * kLines, p.v_stride), p.rows * p.v_stride,
                                   kLines, own_keys, in_group);
  const std::int64_t own_first_seeing = view.first_seeing(tile);
  std::int64_t m = view.first_seeing(first_tile);
  bool more = !view.dropped(firsts[m], block_end);
  if (more) fetch(m, 0);
  commit_copies();
  const int row = warp_index() % kGroupWarps * kTileRows + lane_index() / 4, column = 2 * (lane_index() % 4);
  const std::int64_t numbers = (view.cell * view.key_tiles + tile) * kLines;
  const float rests[2] = {decays.rests[numbers + row], decays.rests[numbers + row + 8]};

  float dk[D / 8][4] = {}, dv[D / 8][4] = {}, column_sums[2] = {};
  int stage = 0;
  while (more) {
    const double first = firsts[m];
    more = m + 1 < view.query_tiles && !view.dropped(firsts[m + 1 < view.query_tiles ? m + 1 : m], block_end);
    wait_for_copies</*kLater=*/0>();
    P::share();
    __syncthreads();
    if (P::kStages > 1 && more) fetch(m + 1, 1 - stage);
    commit_copies();
    if (active && m >= own_first_seeing && !view.dropped(first, own_end)) {
      const std::uint32_t queries = base + Shared::kPassing + stage * 2 * Shared::kTile;
      float s[8][4], ds[8][4];
      P::multiply_transposed(s, keys, queries);
      P::multiply_transposed(ds, keys + Shared::kTile, queries + Shared::kTile);
      const float2* const statistics =
          reinterpret_cast<const float2*>(shared + Shared::kDecays + stage * Shared::kNumbers);
      const float between = static_cast<float>(first - own_end) * kLog2E;
      const float decay[2] = {rests[0] + between, rests[1] + between};
      P::wait(s);
      P::wait(ds);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const float4 two = *reinterpret_cast<const float4*>(statistics + 8 * j + column);  // lse, delta; lse, delta
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const float lse = e % 2 ? two.z : two.x, delta = e % 2 ? two.w : two.y;
          s[j][e] = exp2_fast(fmaf(s[j][e], kLogitScale2<D>, decay[e / 2]) - lse);
          ds[j][e] = s[j][e] * (ds[j][e] - delta);
        }
      }
      if (view.touches_diagonal(m, n)) {
        // Of the tile's queries, the first one that sees the lane's first key.
        const int seeing = static_cast<int>(n * kLines - m * kLines - view.offset) + row;
#pragma unroll
        for (int j = 0; j < 8; ++j) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            if (8 * j + column + e % 2 < seeing + e / 2 * 8) s[j][e] = ds[j][e] = 0;
          }
        }
      }
      P::add_product(dv, s, queries + Shared::kTile);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) column_sums[e / 2] += ds[j][e];
      }
      P::add_product(dk, ds, queries);
      P::wait(dv);
      P::wait(dk);
    }
    if (!more) break;
    if (P::kStages == 1) {
      __syncthreads();
      fetch(m + 1, 0);
      commit_copies();
    } else {
      stage = 1 - stage;
    }
    ++m;
  }
  if (!active) return;
  const int warp_row = row - lane_index() / 4;
  store_rows<D>(dk, {kLogitScale<D>, kLogitScale<D>}, view.at(p.dk, n * kLines + warp_row, p.dk_stride),
                p.rows * p.dk_stride, own_keys - warp_row);
  store_rows<D>(dv, {1.0f, 1.0f}, view.at(p.dv, n * kLines + warp_row, p.dv_stride), p.rows * p.dv_stride,
                own_keys - warp_row);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float sum = quad_sum(column_sums[half]);
    const std::int64_t key = row + 8 * half, query = n * kLines + key - view.offset;
    if (lane_index() % 4 != 0) continue;
    const bool has_row = query >= 0 && key < own_keys;
    const float row_sum = has_row ? handed.rows[view.cell * view.query_tiles * kLines + query] : 0.0f;
    handed.dc[numbers + key] = key < own_keys ? row_sum - sum : 0.0f;
  }
}

template <class P, int kQueryGroups, int kQueryBlocks, int kKeyGroups, int kKeyBlocks>
void launch_forgetting_backward(const ForgettingAttentionBackward<typename P::Io>& p, cudaStream_t stream) {
  const auto decays = ForgettingDecays::of(p);
  const auto sums = ForgettingSums::of(p);
  constexpr int kQueryBytes = BackwardShared<P, kQueryGroups>::kBytes,
                kKeyBytes = BackwardShared<P, kKeyGroups>::kBytes;
  const auto queries = forgetting_query_sweep<P, kQueryGroups, kQueryBlocks>;
  const auto keys = forgetting_key_sweep<P, kKeyGroups, kKeyBlocks>;
  allow_shared_memory(queries, kQueryBytes);
  allow_shared_memory(keys, kKeyBytes);
  const std::int64_t query_blocks = p.cells() * ceil_div(p.query_tiles(), kQueryGroups);
  const std::int64_t key_blocks = p.cells() * ceil_div(p.key_tiles(), kKeyGroups);
  queries<<<static_cast<unsigned>(query_blocks), kQueryGroups * kGroupThreads, kQueryBytes, stream>>>(p, decays, sums);
  check_launch("forgetting_attention backward, queries");
  keys<<<static_cast<unsigned>(key_blocks), kKeyGroups * kGroupThreads, kKeyBytes, stream>>>(p, decays, sums);
  check_launch("forgetting_attention backward, keys");
  launch_forgetting_gate_gradients(sums, p.dlog_f, p.cells(), p.keys, stream);
}

}  // namespace trecvit::kernels
