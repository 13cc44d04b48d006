// Spatial attention backward. A block has q, k, v and dout of one (frame, head) in shared memory and makes two sweeps
// over S: warps that own some keys sum dk and dv over all queries, then warps that own some queries sum dq over all
// keys. Every sum has one owner, in registers, so nothing is exchanged and the order of summation is fixed. S and dS
// are made twice for that: seven products instead of five.
//
// Arithmetic for 256 frames of 12 heads, N = 197, D = 64, on an H100: device memory 207 us; tensor cores 185 us at the
// 6 cycles that an m16n8k16 was seen to take; operands from shared memory 260 us when a warp owns 16 rows, 150 us when
// it owns 32. Five products would take 130 and 190 us, but dS in shared memory leaves room for one block to a
// multiprocessor, and nobody computes while it loads.
#include <algorithm>

#include "kernels/launch.h"
#include "kernels/spatial_attention/device.cuh"
#include "kernels/spatial_attention/spatial_attention_cuda.h"
#include "kernels/spatial_attention/widths.h"

namespace trecvit::kernels {
namespace {

// lse in powers of two, and delta, of a query.
struct RowStatistics {
  float lse, delta;
};

template <int D>
constexpr int shared_bytes(int tiles) {
  return tiles * (4 * Tile<D>::kBytes + kTileRows * static_cast<int>(sizeof(RowStatistics)));
}

// Tiles of q and dout, and of k and v, alternate: a pair is two operands at a fixed distance.
template <int D>
struct Pair {
  static constexpr int kBytes = 2 * Tile<D>::kBytes;
  std::uint32_t first;  // q or k

  __device__ std::uint32_t second() const { return first + Tile<D>::kBytes; }  // dout or v
  __device__ Pair at(int tile) const { return {first + tile * kBytes}; }
};

// The shared memory of a block.
template <int D>
struct Work {
  Pair<D> queries, keys;  // the first of `tiles` pairs each
  RowStatistics* statistics;
  int tokens, tiles;
};

// A lane's share of a tile of forward's result, and the lse: kLanes lanes to a row, as many as its chunks divide by.
template <int D>
struct Results {
  static constexpr int kChunks = Tile<D>::kChunks, kLanes = kChunks & -kChunks, kEach = kChunks / kLanes;
  static constexpr int kAtOnce = kWarpLanes / kLanes, kPasses = kTileRows / kAtOnce;
  Pack<Bf16, 8> out[kPasses][kEach];
  float lse[kPasses];

  static __device__ __forceinline__ int row(int pass) { return pass * kAtOnce + lane_index() / kLanes; }
  static __device__ __forceinline__ int chunk(int i) { return i * kLanes + lane_index() % kLanes; }

  __device__ __forceinline__ void load(const Bf16* all_out, const float* all_lse, int stride, int first, int tokens) {
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      const int query = min(first + row(pass), tokens - 1);
#pragma unroll
      for (int i = 0; i < kEach; ++i) out[pass][i] = load_pack<8>(all_out + query * stride + chunk(i) * 8);
      lse[pass] = all_lse[query];
    }
  }

  // Once the warp's copies of dout are there. Padded queries get an infinite lse, so that their weights are 0.
  __device__ __forceinline__ void find_statistics(const unsigned char* dout, int first, int tokens,
                                                  RowStatistics* statistics) const {
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      float delta = 0;
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
        const auto d = load_pack<8>(reinterpret_cast<const Bf16*>(dout + Tile<D>::offset(row(pass), chunk(i))));
#pragma unroll
        for (int e = 0; e < 8; ++e) delta += widen(out[pass][i].v[e]) * widen(d.v[e]);
      }
#pragma unroll
      for (int lane = 1; lane < kLanes; lane *= 2) delta += __shfl_xor_sync(~0u, delta, lane);
      const int query = first + row(pass);
      if (lane_index() % kLanes == 0) statistics[query] = {query < tokens ? lse[pass] * kLog2E : INFINITY, delta};
    }
  }
};

// A warp's own kOwn pairs of tiles, one after the other, as operands A. A pair beyond the last one repeats it.
template <int D, int kOwn>
struct Operands {
  Fragment first[kOwn][D / 16], second[kOwn][D / 16];

  __device__ __forceinline__ Operands(const Pair<D>& pairs, int tile, int tiles) {
#pragma unroll
    for (int o = 0; o < kOwn; ++o) {
      const Pair<D> own = pairs.at(min(tile + o, tiles - 1));
#pragma unroll
      for (int k = 0; k < D / 16; ++k) {
        const std::uint32_t column = at_columns<D>(lane_address<D>(own.first), k);
        first[o][k] = load_matrices(column), second[o][k] = load_matrices(column + Tile<D>::kBytes);
      }
    }
  }
};

// s = q k^T and dp = dout v^T of own pairs and another, transposed when the warp's own are keys.
template <int D, int kOwn>
__device__ __forceinline__ void find_products(const Operands<D, kOwn>& own, const Pair<D>& other,
                                              float (&s)[kOwn][2][4], float (&dp)[kOwn][2][4]) {
#pragma unroll
  for (int k = 0; k < D / 16; ++k) {
    const std::uint32_t column = at_columns<D>(lane_address_b<D>(other.first), k);
    const Fragment first = load_matrices(column), second = load_matrices(column + Tile<D>::kBytes);
#pragma unroll
    for (int o = 0; o < kOwn; ++o) {
      multiply(s[o], own.first[o][k], first, /*first=*/k == 0);
      multiply(dp[o], own.second[o][k], second, /*first=*/k == 0);
    }
  }
}

// q k^T becomes P, dout v^T becomes dS.
template <int D>
__device__ __forceinline__ void differentiate(float& s, float& dp, const RowStatistics& row) {
  s = exp2_fast(s * kLogitScale2<D> - row.lse);
  dp = s * (dp - row.delta);
}

// dk and dv of the keys from `first` on, over all queries.
template <int D, int kOwn>
__device__ __forceinline__ void key_sweep(const Work<D>& work, int first, Bf16* dk, Bf16* dv, int stride) {
  const Operands<D, kOwn> kv(work.keys, first / kTileRows, work.tiles);
  float dk_sums[kOwn][D / 8][4] = {}, dv_sums[kOwn][D / 8][4] = {};
#pragma unroll 1
  for (int tile = 0; tile < work.tiles; ++tile) {
    const Pair<D> queries = work.queries.at(tile);
    float s[kOwn][2][4], dp[kOwn][2][4];
    find_products(kv, queries, s, dp);
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const auto columns = load_pack<2>(work.statistics + tile * kTileRows + 8 * j + 2 * (lane_index() % 4));
#pragma unroll
      for (int o = 0; o < kOwn; ++o) {
#pragma unroll
        for (int e = 0; e < 4; ++e) differentiate<D>(s[o][j][e], dp[o][j][e], columns.v[e % 2]);
      }
    }
    Fragment weights[kOwn], dlogits[kOwn];
#pragma unroll
    for (int o = 0; o < kOwn; ++o) weights[o] = pack_a(s[o]), dlogits[o] = pack_a(dp[o]);
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
      const std::uint32_t column = at_columns<D>(lane_address<D>(queries.first), k);
      const Fragment q = load_transposed(column), dout = load_transposed(column + Tile<D>::kBytes);
#pragma unroll
      for (int o = 0; o < kOwn; ++o) {
        multiply(dv_sums[o] + 2 * k, weights[o], dout);
        multiply(dk_sums[o] + 2 * k, dlogits[o], q);
      }
    }
  }
#pragma unroll
  for (int o = 0; o < kOwn; ++o) {
    const int row = first + o * kTileRows;
    store_tile<D>(dk_sums[o], {kLogitScale<D>, kLogitScale<D>}, dk + row * stride, stride, work.tokens - row);
    store_tile<D>(dv_sums[o], {1.0f, 1.0f}, dv + row * stride, stride, work.tokens - row);
  }
}

// dq of the queries from `first` on, over all keys.
template <int D, int kOwn>
__device__ __forceinline__ void query_sweep(const Work<D>& work, int first, Bf16* dq, int stride) {
  const Operands<D, kOwn> q_dout(work.queries, first / kTileRows, work.tiles);
  RowStatistics rows[2 * kOwn];
#pragma unroll
  for (int half = 0; half < 2 * kOwn; ++half) {
    rows[half] = work.statistics[min(first + lane_index() / 4 + 8 * half, work.tokens - 1)];
  }
  float dq_sums[kOwn][D / 8][4] = {};
#pragma unroll 1
  for (int tile = 0; tile < work.tiles; ++tile) {
    const Pair<D> keys = work.keys.at(tile);
    float s[kOwn][2][4], dp[kOwn][2][4];
    find_products(q_dout, keys, s, dp);
    Fragment dlogits[kOwn];
#pragma unroll
    for (int o = 0; o < kOwn; ++o) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          differentiate<D>(s[o][j][e], dp[o][j][e], rows[2 * o + e / 2]);
          // The weight of a padded key may be infinite.
          if (tile * kTileRows + 8 * j + 2 * (lane_index() % 4) + e % 2 >= work.tokens) dp[o][j][e] = 0;
        }
      }
      dlogits[o] = pack_a(dp[o]);
    }
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
      const Fragment b = load_transposed(at_columns<D>(lane_address<D>(keys.first), k));
#pragma unroll
      for (int o = 0; o < kOwn; ++o) multiply(dq_sums[o] + 2 * k, dlogits[o], b);
    }
  }
#pragma unroll
  for (int o = 0; o < kOwn; ++o) {
    const int row = first + o * kTileRows;
    store_tile<D>(dq_sums[o], {kLogitScale<D>, kLogitScale<D>}, dq + row * stride, stride, work.tokens - row);
  }
}

// A warp owns kOwn tiles at a time; it copies and prepares up to kShare tiles.
template <int D, int kOwn, int kWarps, int kBlocks, int kShare>
__global__ __launch_bounds__(kWarps* kWarpLanes, kBlocks) void backward(const SpatialAttentionBackward<Bf16> p) {
  extern __shared__ __align__(256) unsigned char shared[];
  const int tokens = static_cast<int>(p.tokens), tiles = (tokens + kTileRows - 1) / kTileRows;
  // Shares differ between warps, and so do schedulers' loads unless blocks deal the shares differently.
  const int warps = blockDim.x / kWarpLanes, warp = (warp_index() + blockIdx.x / 4) % warps;
  const unsigned heads = static_cast<unsigned>(p.heads), head = blockIdx.x % heads;
  const std::int64_t frame = blockIdx.x / heads;
  const int width = static_cast<int>(heads) * D, stride = 3 * width;
  const std::int64_t at_rows = frame * tokens * width + head * D, at_qkv = frame * tokens * stride + head * D;
  const Pair<D> queries{shared_address(shared)}, keys = queries.at(tiles);
  const auto statistics = reinterpret_cast<RowStatistics*>(shared + 2 * tiles * Pair<D>::kBytes);

  Results<D> results[kShare];  // loaded first: their waiting is over when the copies are there
#pragma unroll
  for (int i = 0; i < kShare; ++i) {
    const int first = (warp + i * warps) * kTileRows;
    if (first < tokens) {
      results[i].load(p.out + at_rows, p.lse + static_cast<std::int64_t>(blockIdx.x) * tokens, width, first, tokens);
    }
  }
  for (int tile = warp; tile < tiles; tile += warps) {
    const int first = tile * kTileRows;
    copy_tile<D>(queries.at(tile).first, p.qkv + at_qkv, stride, first, tokens);
    copy_tile<D>(queries.at(tile).second(), p.dout + at_rows, width, first, tokens);
    copy_tile<D>(keys.at(tile).first, p.qkv + at_qkv + width, stride, first, tokens);
    copy_tile<D>(keys.at(tile).second(), p.qkv + at_qkv + 2 * width, stride, first, tokens);
  }
  commit_copies();
  wait_for_copies</*kLater=*/0>();
  __syncwarp();
#pragma unroll
  for (int i = 0; i < kShare; ++i) {
    const int tile = warp + i * warps;
    const unsigned char* dout = shared + tile * Pair<D>::kBytes + Tile<D>::kBytes;
    if (tile < tiles) results[i].find_statistics(dout, tile * kTileRows, tokens, statistics);
  }
  __syncthreads();

  const Work<D> work{queries, keys, statistics, tokens, tiles};
  constexpr int kRows = kOwn * kTileRows;
  Bf16* const dq = p.dqkv + at_qkv;
  for (int first = warp * kRows; first < tokens; first += warps * kRows) {
    key_sweep<D, kOwn>(work, first, dq + width, dq + 2 * width, stride);
  }
  for (int first = (warps - 1 - warp) * kRows; first < tokens; first += warps * kRows) {
    query_sweep<D, kOwn>(work, first, dq, stride);
  }
}

template <int D, int kOwn, int kWarps, int kBlocks, int kShare>
void launch(const SpatialAttentionBackward<Bf16>& p, cudaStream_t stream) {
  const int tiles = static_cast<int>(ceil_div(p.tokens, kTileRows)), parts = (tiles + kOwn - 1) / kOwn;
  const int turns = (parts + kWarps - 1) / kWarps, warps = (parts + turns - 1) / turns;
  ensure(warps * kShare >= tiles, "spatial_attention backward: ", tiles, " tiles for ", warps, " warps");
  const auto kernel = backward<D, kOwn, kWarps, kBlocks, kShare>;
  allow_shared_memory(kernel, shared_bytes<D>(tiles));
  kernel<<<grid_of(p.frames * p.heads), warps * kWarpLanes, shared_bytes<D>(tiles), stream>>>(p);
  check_launch("spatial_attention backward");
}

// Owning two tiles halves the reads of shared memory and takes all of a thread's 255 registers: two blocks of four
// warps to a multiprocessor. Owning one takes 168 for D = 64, for twelve warps. With 13 tiles (N = 193 to 208) that
// would be one block of seven, where shared memory has room for two. Wider heads take more of both.
template <int D>
void launch(const SpatialAttentionBackward<Bf16>& p, cudaStream_t stream) {
  if constexpr (D > 64) {
    launch<D, /*kOwn=*/1, /*kWarps=*/8, /*kBlocks=*/1, /*kShare=*/3>(p, stream);
  } else if (ceil_div(p.tokens, kTileRows) == 13) {
    launch<D, /*kOwn=*/2, /*kWarps=*/4, /*kBlocks=*/2, /*kShare=*/4>(p, stream);
  } else {
    launch<D, /*kOwn=*/1, /*kWarps=*/9, /*kBlocks=*/1, /*kShare=*/2>(p, stream);
  }
}

}  // namespace

bool spatial_attention_backward_served_cuda(std::int64_t tokens, std::int64_t head_width) {
  if (tokens < 1 || tokens > kMostTokens) return false;
  int bytes = 0;
  const auto need = [&]<int D>(Width<D>) { bytes = shared_bytes<D>(static_cast<int>(ceil_div(tokens, kTileRows))); };
  return with_width(head_width, need) && architecture() >= 80 && bytes <= largest_shared_memory();
}

void spatial_attention_backward_cuda(const SpatialAttentionBackward<Bf16>& p, cudaStream_t stream) {
  ensure(spatial_attention_backward_served_cuda(p.tokens, p.head_width), "spatial_attention backward: N ", p.tokens,
         ", D ", p.head_width);
  with_width(p.head_width, [&]<int D>(Width<D>) { launch<D>(p, stream); });
}

}  // namespace trecvit::kernels
