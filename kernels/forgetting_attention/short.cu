// Forgetting attention of sequences of at most 64 positions. A warp copies q, k, v (and dout) of one row's head to
// shared memory, each line once, and works there without waiting for others; neighbouring warps have neighbouring
// heads. Nothing can be dropped: all pairs are in the tile at the diagonal.
#include <algorithm>

#include "kernels/forgetting_attention/lines.cuh"
#include "kernels/forgetting_attention/short.h"
#include "kernels/forgetting_attention/widths.h"
#include "kernels/launch.h"

namespace trecvit::kernels {
namespace {

constexpr int kMost = static_cast<int>(kForgettingTile);

// Sequences of up to 16 kTiles positions.
template <int D, int kTiles>
struct Shape {
  static constexpr int kRows = kTiles * kTileRows, kPieces = D / 16;
  using Lines = LineTile<Bf16, D, kRows>;
  static constexpr int kTileBytes = kTileRows * Lines::kRowBytes, kPerPanel = Lines::kPanelWidth / 16;

  // Columns [16 k, 16 k + 16) of tile t, from a lane's address in tile 0.
  static __device__ __forceinline__ std::uint32_t at(std::uint32_t lane, int t, int k) {
    return at_columns<Lines::kPanelWidth>(lane, k % kPerPanel) + k / kPerPanel * Lines::kPanelBytes + t * kTileBytes;
  }
  static __device__ __forceinline__ std::uint32_t lane(std::uint32_t lines) {
    return lane_address<Lines::kPanelWidth>(lines);
  }
  static __device__ __forceinline__ std::uint32_t lane_b(std::uint32_t lines) {
    return lane_address_b<Lines::kPanelWidth>(lines);
  }
};

// Where a warp's sequence is.
struct Sequence {
  std::int64_t cell, row, column;
  int queries, keys, offset;

  __device__ __forceinline__ Sequence(const ForgettingAttentionInputs<Bf16>& p, std::int64_t cell)
      : cell(cell),
        row(cell / p.heads),
        column(cell % p.heads * p.head_width),
        queries(static_cast<int>(p.queries)),
        keys(static_cast<int>(p.keys)),
        offset(static_cast<int>(p.keys - p.queries)) {}
  template <class T>
  __device__ __forceinline__ T* at(T* lines, int t, std::int64_t rows, std::int64_t stride) const {
    return lines + (t * rows + row) * stride + column;
  }
};

// The sum over the lanes from this one on.
__device__ __forceinline__ float sum_from_here(float v) {
#pragma unroll
  for (int reach = 1; reach < kWarpLanes; reach *= 2) {
    const float other = __shfl_down_sync(~0u, v, reach);
    if (lane_index() + reach < kWarpLanes) v += other;
  }
  return v;
}

// rests[t] = (c of the last key - c_t) log2(e), of positions below `count`.
template <int kRows>
__device__ __forceinline__ void find_rests(const ForgettingAttentionInputs<Bf16>& p, const Sequence& sequence,
                                           float* rests) {
  const std::int64_t cells = p.rows * p.heads;
  float after = 0;
#pragma unroll
  for (int first = (kRows - 1) / kWarpLanes * kWarpLanes; first >= 0; first -= kWarpLanes) {
    const int t = first + lane_index();
    const float v = t + 1 < sequence.keys ? p.log_f[(t + 1) * cells + sequence.cell] : 0.0f;
    const float sum = sum_from_here(v) + after;
    rests[t] = sum * kLog2E;
    after = __shfl_sync(~0u, sum, 0);
  }
}

template <int D, int kTiles>
struct ForwardPlan {
  static constexpr int kLinesBytes = Shape<D, kTiles>::Lines::kBytes;
  static constexpr int kWarpBytes = 3 * kLinesBytes + kMost * static_cast<int>(sizeof(float));
};
template <int D, int kTiles>
struct BackwardPlan {
  static constexpr int kLinesBytes = Shape<D, kTiles>::Lines::kBytes;
  // Lines; lse and delta of queries; rests; dc.
  static constexpr int kWarpBytes = 4 * kLinesBytes + kMost * static_cast<int>(sizeof(float2) + 2 * sizeof(float));
};
// Shared memory of a block on any GPU from 8.0 on, and of a Hopper multiprocessor.
template <class Plan>
struct Blocks {
  static constexpr int kLeast = 99 * 1024, kMultiprocessor = 227 * 1024;
  static constexpr int kWarps = 4 * Plan::kWarpBytes <= kLeast ? 4 : 2 * Plan::kWarpBytes <= kLeast ? 2 : 1;
  static constexpr int kBytes = kWarps * Plan::kWarpBytes;
  static constexpr int kCount = std::clamp(kMultiprocessor / (kBytes + 1024), 1, 4);
};

template <int D, int kTiles>
__global__ __launch_bounds__(
    Blocks<ForwardPlan<D, kTiles>>::kWarps* kWarpLanes,
    Blocks<ForwardPlan<D, kTiles>>::kCount) void short_forward(const ForgettingAttentionForward<Bf16> p) {
  extern __shared__ __align__(256) unsigned char shared[];
  using S = Shape<D, kTiles>;
  using Plan = ForwardPlan<D, kTiles>;
  constexpr int kWarps = Blocks<Plan>::kWarps;
  const std::int64_t cell = static_cast<std::int64_t>(blockIdx.x) * kWarps + warp_index();
  if (cell >= p.rows * p.heads) return;
  const Sequence sequence(p, cell);
  unsigned char* const room = shared + warp_index() * 3 * Plan::kLinesBytes;
  const std::uint32_t queries = shared_address(room), keys = queries + Plan::kLinesBytes,
                      values = keys + Plan::kLinesBytes;
  float* const rests = reinterpret_cast<float*>(shared + kWarps * 3 * Plan::kLinesBytes) + warp_index() * kMost;
  const auto copy = [&](std::uint32_t to, const Bf16* from, std::int64_t stride, int present) {
    copy_lines<typename S::Lines, kWarpLanes>(to, sequence.at(from, 0, p.rows, stride), p.rows * stride, S::kRows,
                                              present, lane_index());
  };
  copy(queries, p.q, p.q_stride, sequence.queries);
  copy(keys, p.k, p.k_stride, sequence.keys);
  copy(values, p.v, p.v_stride, sequence.keys);
  commit_copies();
  find_rests<S::kRows>(p, sequence, rests);
  wait_for_copies</*kLater=*/0>();
  __syncwarp();

  const int column = 2 * (lane_index() % 4);
#pragma unroll 1
  for (int m = 0; m * kTileRows < sequence.queries; ++m) {
    const int row = m * kTileRows + lane_index() / 4, position = sequence.offset + row;
    const int last = sequence.offset + m * kTileRows + kTileRows - 1;  // what the tile's last query sees
    float s[2 * kTiles][4] = {};
#pragma unroll
    for (int k = 0; k < S::kPieces; ++k) {
      const Fragment a = load_matrices(S::at(S::lane(queries), m, k));
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        if (t * kTileRows <= last) multiply(s + 2 * t, a, load_matrices(S::at(S::lane_b(keys), t, k)));
      }
    }
    float largest[2] = {-INFINITY, -INFINITY}, total[2] = {};
#pragma unroll
    for (int j = 0; j < 2 * kTiles; ++j) {
      const auto rest = load_pack<2>(rests + 8 * j + column);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const bool visible = 8 * j + column + e % 2 <= position + e / 2 * 8;
        s[j][e] = visible ? fmaf(s[j][e], kLogitScale2<D>, rest.v[e % 2]) : -INFINITY;
        largest[e / 2] = fmaxf(largest[e / 2], s[j][e]);
      }
    }
    largest[0] = quad_max(largest[0]), largest[1] = quad_max(largest[1]);
    float sums[D / 8][4] = {};
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      if (t * kTileRows > last) continue;
#pragma unroll
      for (int j = 2 * t; j < 2 * t + 2; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          s[j][e] = exp2_fast(s[j][e] - largest[e / 2]);
          total[e / 2] += s[j][e];
        }
      }
      const Fragment a = pack_a(s + 2 * t);
#pragma unroll
      for (int k = 0; k < S::kPieces; ++k) {
        multiply(sums + 2 * k, a, load_transposed(S::at(S::lane(values), t, k)));
      }
    }
    total[0] = quad_sum(total[0]), total[1] = quad_sum(total[1]);
    store_rows<D>(sums, {1.0f / total[0], 1.0f / total[1]}, sequence.at(p.out, m * kTileRows, p.rows, p.heads * D),
                  p.rows * p.heads * D, sequence.queries - m * kTileRows);
    if (!p.lse || lane_index() % 4 != 0) continue;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = row + 8 * half;
      if (query >= sequence.queries) continue;
      p.lse[cell * sequence.queries + query] =
          (largest[half] + log2f(total[half]) - rests[position + 8 * half]) * (1.0f / kLog2E);
    }
  }
}

// lse in powers of two, less the query's own rest, and delta.
template <int D, int kTiles>
__device__ __forceinline__ void find_statistics(const ForgettingAttentionBackward<Bf16>& p, const Sequence& sequence,
                                                const unsigned char* dout, const float* rests, float2* statistics) {
  using Lines = typename Shape<D, kTiles>::Lines;
  constexpr int kLanes = Lines::kChunks, kAtOnce = kWarpLanes / kLanes;
  constexpr int kPasses = Shape<D, kTiles>::kRows / kAtOnce;
  const int chunk = lane_index() % kLanes;
  Pack<Bf16, 8> out[kPasses];  // under way while the copies are
  float lse[kPasses];
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int query = min(pass * kAtOnce + lane_index() / kLanes, sequence.queries - 1);
    out[pass] = load_pack<8>(sequence.at(p.out, query, p.rows, p.heads * D) + chunk * 8);
    lse[pass] = p.lse[sequence.cell * sequence.queries + query];
  }
  wait_for_copies</*kLater=*/0>();
  __syncwarp();
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int query = pass * kAtOnce + lane_index() / kLanes;
    const auto other = load_pack<8>(reinterpret_cast<const Bf16*>(dout + Lines::offset(query, chunk)));
    float delta = 0;
#pragma unroll
    for (int e = 0; e < 8; ++e) delta = fmaf(widen(out[pass].v[e]), widen(other.v[e]), delta);
#pragma unroll
    for (int lane = 1; lane < kLanes; lane *= 2) delta += __shfl_xor_sync(~0u, delta, lane);
    const bool there = query < sequence.queries;
    if (chunk == 0) {
      statistics[query] = there ? make_float2(fmaf(lse[pass], kLog2E, rests[sequence.offset + query]), delta)
                                : make_float2(INFINITY, 0.0f);
    }
  }
  __syncwarp();
}

template <int D, int kTiles>
__global__ __launch_bounds__(
    Blocks<BackwardPlan<D, kTiles>>::kWarps* kWarpLanes,
    Blocks<BackwardPlan<D, kTiles>>::kCount) void short_backward(const ForgettingAttentionBackward<Bf16> p) {
  extern __shared__ __align__(256) unsigned char shared[];
  using S = Shape<D, kTiles>;
  using Plan = BackwardPlan<D, kTiles>;
  constexpr int kWarps = Blocks<Plan>::kWarps;
  const std::int64_t cell = static_cast<std::int64_t>(blockIdx.x) * kWarps + warp_index();
  if (cell >= p.rows * p.heads) return;
  const Sequence sequence(p, cell);
  unsigned char* const room = shared + warp_index() * 4 * Plan::kLinesBytes;
  const std::uint32_t queries = shared_address(room), douts = queries + Plan::kLinesBytes,
                      keys = douts + Plan::kLinesBytes, values = keys + Plan::kLinesBytes;
  unsigned char* const numbers = shared + kWarps * 4 * Plan::kLinesBytes;
  float2* const statistics = reinterpret_cast<float2*>(numbers) + warp_index() * kMost;
  float* const rests = reinterpret_cast<float*>(numbers + kWarps * kMost * sizeof(float2)) + warp_index() * 2 * kMost;
  float* const dc = rests + kMost;
  const auto copy = [&](std::uint32_t to, const Bf16* from, std::int64_t stride, int present) {
    copy_lines<typename S::Lines, kWarpLanes>(to, sequence.at(from, 0, p.rows, stride), p.rows * stride, S::kRows,
                                              present, lane_index());
  };
  copy(queries, p.q, p.q_stride, sequence.queries);
  copy(douts, p.dout, p.heads * D, sequence.queries);
  copy(keys, p.k, p.k_stride, sequence.keys);
  copy(values, p.v, p.v_stride, sequence.keys);
  commit_copies();
  find_rests<S::kRows>(p, sequence, rests);
  __syncwarp();
  find_statistics<D, kTiles>(p, sequence, room + Plan::kLinesBytes, rests, statistics);

  const int column = 2 * (lane_index() % 4);
  const int query_tiles = (sequence.queries + kTileRows - 1) / kTileRows;
  const int key_tiles = (sequence.keys + kTileRows - 1) / kTileRows;
  // dk and dv of 16 keys, over the queries that see them.
#pragma unroll 1
  for (int n = 0; n < key_tiles; ++n) {
    const int row = n * kTileRows + lane_index() / 4;
    float dk[D / 8][4] = {}, dv[D / 8][4] = {}, column_sums[2] = {};
#pragma unroll 1
    for (int m = max(n * kTileRows - sequence.offset, 0) / kTileRows; m < query_tiles; ++m) {
      float s[2][4] = {}, ds[2][4] = {};
#pragma unroll
      for (int k = 0; k < S::kPieces; ++k) {
        multiply(s, load_matrices(S::at(S::lane(keys), n, k)), load_matrices(S::at(S::lane_b(queries), m, k)));
        multiply(ds, load_matrices(S::at(S::lane(values), n, k)), load_matrices(S::at(S::lane_b(douts), m, k)));
      }
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int query = m * kTileRows + 8 * j + column;
        const float4 two = *reinterpret_cast<const float4*>(statistics + query);  // lse, delta; lse, delta
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const float lse = e % 2 ? two.z : two.x, delta = e % 2 ? two.w : two.y;
          const float weight = exp2_fast(fmaf(s[j][e], kLogitScale2<D>, rests[row + e / 2 * 8]) - lse);
          const bool visible = row + e / 2 * 8 <= sequence.offset + query + e % 2;
          s[j][e] = visible ? weight : 0.0f;
          ds[j][e] = visible ? weight * (ds[j][e] - delta) : 0.0f;
          column_sums[e / 2] += ds[j][e];
        }
      }
      const Fragment weights = pack_a(s), dlogits = pack_a(ds);
#pragma unroll
      for (int k = 0; k < S::kPieces; ++k) {
        multiply(dv + 2 * k, weights, load_transposed(S::at(S::lane(douts), m, k)));
        multiply(dk + 2 * k, dlogits, load_transposed(S::at(S::lane(queries), m, k)));
      }
    }
    const int present = sequence.keys - n * kTileRows;
    store_rows<D>(dk, {kLogitScale<D>, kLogitScale<D>}, sequence.at(p.dk, n * kTileRows, p.rows, p.dk_stride),
                  p.rows * p.dk_stride, present);
    store_rows<D>(dv, {1.0f, 1.0f}, sequence.at(p.dv, n * kTileRows, p.rows, p.dv_stride), p.rows * p.dv_stride,
                  present);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float sum = quad_sum(column_sums[half]);
      if (lane_index() % 4 == 0) dc[row + 8 * half] = -sum;
    }
  }
  __syncwarp();
  // dq of 16 queries, over the keys that they see.
#pragma unroll 1
  for (int m = 0; m < query_tiles; ++m) {
    const int row = m * kTileRows + lane_index() / 4, position = sequence.offset + row;
    const int last = sequence.offset + m * kTileRows + kTileRows - 1;
    const float2 own[2] = {statistics[row], statistics[row + 8]};
    float dq[D / 8][4] = {}, row_sums[2] = {};
#pragma unroll 1
    for (int n = 0; n < key_tiles && n * kTileRows <= last; ++n) {
      float s[2][4] = {}, ds[2][4] = {};
#pragma unroll
      for (int k = 0; k < S::kPieces; ++k) {
        multiply(s, load_matrices(S::at(S::lane(queries), m, k)), load_matrices(S::at(S::lane_b(keys), n, k)));
        multiply(ds, load_matrices(S::at(S::lane(douts), m, k)), load_matrices(S::at(S::lane_b(values), n, k)));
      }
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int key = n * kTileRows + 8 * j + column;
        const auto rest = load_pack<2>(rests + key);
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const float weight = exp2_fast(fmaf(s[j][e], kLogitScale2<D>, rest.v[e % 2]) - own[e / 2].x);
          const bool visible = key + e % 2 <= position + e / 2 * 8;
          ds[j][e] = visible ? weight * (ds[j][e] - own[e / 2].y) : 0.0f;
          row_sums[e / 2] += ds[j][e];
        }
      }
      const Fragment dlogits = pack_a(ds);
#pragma unroll
      for (int k = 0; k < S::kPieces; ++k) {
        multiply(dq + 2 * k, dlogits, load_transposed(S::at(S::lane(keys), n, k)));
      }
    }
    store_rows<D>(dq, {kLogitScale<D>, kLogitScale<D>}, sequence.at(p.dq, m * kTileRows, p.rows, p.dq_stride),
                  p.rows * p.dq_stride, sequence.queries - m * kTileRows);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float sum = quad_sum(row_sums[half]);
      if (lane_index() % 4 == 0 && row + 8 * half < sequence.queries) dc[position + 8 * half] += sum;
    }
  }
  __syncwarp();
  float after = 0;
#pragma unroll
  for (int first = (S::kRows - 1) / kWarpLanes * kWarpLanes; first >= 0; first -= kWarpLanes) {
    const int t = first + lane_index();
    const float sum = sum_from_here(t < sequence.keys ? dc[t] : 0.0f) + after;
    if (t < sequence.keys) p.dlog_f[t * (p.rows * p.heads) + cell] = sum;
    after = __shfl_sync(~0u, sum, 0);
  }
}

template <int kTiles>
struct Tiles {};

// f(ForgettingWidth{}, Tiles{}) of the kernel for these sizes.
template <class F>
void with_shape(const ForgettingAttentionInputs<Bf16>& p, const F& f) {
  with_forgetting_width(p.head_width, [&](auto width) {
    if (p.keys <= 16) return f(width, Tiles<1>{});
    if (p.keys <= 32) return f(width, Tiles<2>{});
    f(width, Tiles<4>{});
  });
}

template <class Plan, class Params>
void launch(const char* name, void (*kernel)(Params), const Params& p, cudaStream_t stream) {
  using B = Blocks<Plan>;
  allow_shared_memory(kernel, B::kBytes);
  kernel<<<static_cast<unsigned>(ceil_div(p.cells(), B::kWarps)), B::kWarps * kWarpLanes, B::kBytes, stream>>>(p);
  check_launch(name);
}

}  // namespace

void forgetting_attention_forward_short(const ForgettingAttentionForward<Bf16>& p, cudaStream_t stream) {
  with_shape(p, [&]<int D, int kTiles>(ForgettingWidth<D>, Tiles<kTiles>) {
    launch<ForwardPlan<D, kTiles>>("forgetting_attention forward, short", short_forward<D, kTiles>, p, stream);
  });
}

void forgetting_attention_backward_short(const ForgettingAttentionBackward<Bf16>& p, cudaStream_t stream) {
  with_shape(p, [&]<int D, int kTiles>(ForgettingWidth<D>, Tiles<kTiles>) {
    launch<BackwardPlan<D, kTiles>>("forgetting_attention backward, short", short_backward<D, kTiles>, p, stream);
  });
}

}  // namespace trecvit::kernels
