// Tiles of 64 lines of D elements in shared memory, and the products of two of them by four warps, 16 rows each. Sums
// lie as those of mma.m16n8k16: of 8 columns a lane has 2 (l % 4) and the next, of rows l / 4 and l / 4 + 8 of its
// warp.
//
//   P::multiply_transposed(s, a, b): s = a b^T, 64x64        P::add_product(sums, weights, b): sums += weights b, 64xD
//   P::wait(sums): before sums are read. Weights are rounded to Io.
#pragma once

#include "kernels/spatial_attention/device.cuh"

namespace trecvit::kernels {

inline constexpr int kLines = 64, kGroupWarps = 4, kGroupThreads = kGroupWarps * kWarpLanes;

// Rows of at most 128 bytes, permuted as Hopper's products want them where they have 128; D = 128 lies as two panels of
// 64 columns. kRows: lines of a tile.
template <class Io, int D, int kRows = kLines>
struct LineTile {
  static constexpr int kPanelWidth = D < 64 ? D : 64, kPanels = D / kPanelWidth, kChunks = D / 8, kPer = 8;
  static constexpr int kRowBytes = Tile<kPanelWidth>::kRowBytes, kPanelBytes = kRows * kRowBytes;
  static constexpr int kBytes = kPanels * kPanelBytes;
  static __device__ __forceinline__ int offset(int row, int chunk) {
    constexpr int kPerPanel = kPanelWidth / 8;
    return chunk / kPerPanel * kPanelBytes + Tile<kPanelWidth>::offset(row, chunk % kPerPanel);
  }
};
// Rows an odd number of chunks apart.
template <int D, int kRows>
struct LineTile<float, D, kRows> {
  static constexpr int kChunks = D / 4, kPer = 4, kRowBytes = 4 * D + 16, kBytes = kRows * kRowBytes;
  static __device__ __forceinline__ int offset(int row, int chunk) { return row * kRowBytes + chunk * 16; }
};

// kThreads threads start to copy a tile of lines `step` elements apart; those from `present` on are zeros.
template <class T, int kThreads, class Io>
__device__ __forceinline__ void copy_lines(std::uint32_t to, const Io* from, std::int64_t step, int lines, int present,
                                           int thread) {
#pragma unroll 4
  for (int index = thread; index < lines * T::kChunks; index += kThreads) {
    const int row = index / T::kChunks, chunk = index % T::kChunks;
    const bool there = row < present;
    copy_async<16>(to + T::offset(row, chunk), from + (there ? row * step : 0) + chunk * T::kPer, there);
  }
}

// Writes rows [0, present) of a warp's 16xD sums, times `factor` of their half.
template <int D>
__device__ __forceinline__ void store_rows(const float (&sums)[D / 8][4], const float (&factor)[2], float* to,
                                           std::int64_t step, int present) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = lane_index() / 4 + 8 * half;
    if (row >= present) continue;
    float* const line = to + row * step + 2 * (lane_index() % 4);
#pragma unroll
    for (int j = 0; j < D / 8; ++j) {
      store_pack(line + 8 * j,
                 Pack<float, 2>{{sums[j][2 * half] * factor[half], sums[j][2 * half + 1] * factor[half]}});
    }
  }
}
// Of two groups of 8 columns a lane has two columns each; neighbours swap, so that one has four of the first group and
// the other four of the second, and a quad writes 32 bytes.
template <int D>
__device__ __forceinline__ void store_rows(const float (&sums)[D / 8][4], const float (&factor)[2], Bf16* to,
                                           std::int64_t step, int present) {
  const bool odd = lane_index() % 2;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = lane_index() / 4 + 8 * half;
    Bf16* const line = to + row * step + (odd ? 8 : 0) + lane_index() % 4 / 2 * 4;
#pragma unroll
    for (int j = 0; j < D / 8; j += 2) {
      const std::uint32_t first = pack(sums[j][2 * half] * factor[half], sums[j][2 * half + 1] * factor[half]);
      const std::uint32_t second = pack(sums[j + 1][2 * half] * factor[half], sums[j + 1][2 * half + 1] * factor[half]);
      const std::uint32_t received = __shfl_xor_sync(~0u, odd ? first : second, 1);
      const unsigned four[2] = {odd ? received : first, odd ? second : received};
      if (row < present) store_words(line + j * 8, four);
    }
  }
}

// By warps, for bf16 from 8.0 on.
template <int D>
struct WarpProducts {
  using Io = Bf16;
  using Lines = LineTile<Bf16, D>;
  static constexpr int kWidth = D, kStages = 2;
  static constexpr int kPerPanel = Lines::kPanelWidth / 16, kTileBytes = kTileRows * Lines::kRowBytes;

  static __device__ __forceinline__ std::uint32_t at(std::uint32_t lane_address, int k) {
    return at_columns<Lines::kPanelWidth>(lane_address, k % kPerPanel) + k / kPerPanel * Lines::kPanelBytes;
  }
  static __device__ __forceinline__ void multiply_transposed(float (&s)[8][4], std::uint32_t a, std::uint32_t b) {
    constexpr int W = Lines::kPanelWidth;
    const std::uint32_t a_lane = lane_address<W>(a + warp_index() % kGroupWarps * kTileBytes);
    const std::uint32_t b_lane = lane_address_b<W>(b);
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
      const Fragment left = load_matrices(at(a_lane, k));
#pragma unroll
      for (int t = 0; t < 4; ++t) {
        multiply(s + 2 * t, left, load_matrices(at(b_lane, k) + t * kTileBytes), /*first=*/k == 0);
      }
    }
  }
  static __device__ __forceinline__ void add_product(float (&sums)[D / 8][4], const float (&weights)[8][4],
                                                     std::uint32_t b) {
    const std::uint32_t lane = lane_address<Lines::kPanelWidth>(b);
#pragma unroll
    for (int t = 0; t < 4; ++t) {
      const Fragment left = pack_a(weights + 2 * t);
#pragma unroll
      for (int k = 0; k < D / 16; ++k) multiply(sums + 2 * k, left, load_transposed(at(lane, k) + t * kTileBytes));
    }
  }
  static __device__ __forceinline__ void share() {}
  template <int kCount>
  static __device__ __forceinline__ void wait(float (&)[kCount][4]) {}
};

// In fp32, without tensor cores.
template <int D>
struct PlainProducts {
  using Io = float;
  using Lines = LineTile<float, D>;
  static constexpr int kWidth = D, kStages = 1;

  static __device__ __forceinline__ const float* line(std::uint32_t tile, int row) {
    return static_cast<const float*>(__cvta_shared_to_generic(tile + row * Lines::kRowBytes));
  }
  static __device__ __forceinline__ void multiply_transposed(float (&s)[8][4], std::uint32_t a, std::uint32_t b) {
    const int row = warp_index() % kGroupWarps * kTileRows + lane_index() / 4, column = 2 * (lane_index() % 4);
    const float *first = line(a, row), *second = line(a, row + 8), *right = line(b, column);
#pragma unroll
    for (int j = 0; j < 8; ++j) s[j][0] = s[j][1] = s[j][2] = s[j][3] = 0;
#pragma unroll 1
    for (int d = 0; d < D; d += 4) {
      const auto x = load_pack<4>(first + d), y = load_pack<4>(second + d);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const auto z = load_pack<4>(right + (8 * j + e) * (Lines::kRowBytes / 4) + d);
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            s[j][e] = fmaf(x.v[i], z.v[i], s[j][e]), s[j][2 + e] = fmaf(y.v[i], z.v[i], s[j][2 + e]);
          }
        }
      }
    }
  }
  // Each of the weights of a row is with one lane of the quad.
  static __device__ __forceinline__ void add_product(float (&sums)[D / 8][4], const float (&weights)[8][4],
                                                     std::uint32_t b) {
    const int quad = lane_index() & ~3;
    const float* const right = line(b, 0) + 2 * (lane_index() % 4);
#pragma unroll
    for (int j = 0; j < 8; ++j) {
#pragma unroll 1
      for (int owner = 0; owner < 4; ++owner) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const float x = __shfl_sync(~0u, weights[j][e], quad + owner);
          const float y = __shfl_sync(~0u, weights[j][2 + e], quad + owner);
          const float* const z = right + (8 * j + 2 * owner + e) * (Lines::kRowBytes / 4);
#pragma unroll
          for (int k = 0; k < D / 8; ++k) {
            const auto two = load_pack<2>(z + 8 * k);
            sums[k][0] = fmaf(x, two.v[0], sums[k][0]), sums[k][1] = fmaf(x, two.v[1], sums[k][1]);
            sums[k][2] = fmaf(y, two.v[0], sums[k][2]), sums[k][3] = fmaf(y, two.v[1], sums[k][3]);
          }
        }
      }
    }
  }
  static __device__ __forceinline__ void share() {}
  template <int kCount>
  static __device__ __forceinline__ void wait(float (&)[kCount][4]) {}
};

}  // namespace trecvit::kernels
