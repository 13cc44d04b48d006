// Shared by the kernels that walk over tiles: where a cell's tiles and lines are, and which pairs count.
// Note [Pruned tiles] in params.h.
#pragma once

#include "kernels/forgetting_attention/decays.cuh"
#include "kernels/forgetting_attention/lines.cuh"

namespace trecvit::kernels {

// Which cell's which block this one is. Those whose walk may be long come first, late queries and early keys; but only
// among 16 cells at a time, so that a cell's blocks run side by side and find each other's lines in the cache.
struct BlockShare {
  static constexpr std::int64_t kTogether = 16;
  std::int64_t blocks, cell, block;  // blocks to a cell

  __device__ __forceinline__ explicit BlockShare(std::int64_t cells) : blocks(gridDim.x / cells) {
    const std::int64_t first = blockIdx.x / (kTogether * blocks) * kTogether, in_group = blockIdx.x - first * blocks;
    const std::int64_t together = cells - first < kTogether ? cells - first : kTogether;
    cell = first + in_group % together, block = in_group / together;
  }
};

template <class Io>
struct CellView {
  std::int64_t cell, line;                   // line: the row
  std::int64_t rows, queries, keys, offset;  // offset: N - M
  std::int64_t query_tiles, key_tiles, column;
  float threshold;

  __device__ __forceinline__ CellView(const ForgettingAttentionInputs<Io>& p, std::int64_t cell)
      : cell(cell),
        line(cell / p.heads),
        rows(p.rows),
        queries(p.queries),
        keys(p.keys),
        offset(p.keys - p.queries),
        query_tiles((p.queries + kLines - 1) / kLines),
        key_tiles((p.keys + kLines - 1) / kLines),
        column(cell % p.heads * p.head_width),
        threshold(p.threshold) {}

  // Line t of the cell.
  template <class T>
  __device__ __forceinline__ T* at(T* lines, std::int64_t t, std::int64_t stride) const {
    return lines + (t * rows + line) * stride + column;
  }
  __device__ __forceinline__ int queries_of(std::int64_t tile) const {
    const std::int64_t left = queries - tile * kLines;
    return static_cast<int>(left < kLines ? left : kLines);
  }
  __device__ __forceinline__ int keys_of(std::int64_t tile) const {
    const std::int64_t left = keys - tile * kLines;
    return static_cast<int>(left < kLines ? left : kLines);
  }
  // The key tile of the last query of a tile, and the first query tile that sees a key tile's first key.
  __device__ __forceinline__ std::int64_t diagonal(std::int64_t query_tile) const {
    return (offset + query_tile * kLines + queries_of(query_tile) - 1) / kLines;
  }
  __device__ __forceinline__ std::int64_t first_seeing(std::int64_t key_tile) const {
    const std::int64_t query = key_tile * kLines - offset;
    return query > 0 ? query / kLines : 0;
  }
  __device__ __forceinline__ bool dropped(double first, double end) const { return first - end < threshold; }
  // Whether some pair of the two tiles lies above the diagonal: key > position.
  __device__ __forceinline__ bool touches_diagonal(std::int64_t query_tile, std::int64_t key_tile) const {
    return key_tile * kLines + kLines - 1 > offset + query_tile * kLines;
  }
};

// 64 fp32 numbers, or pairs, to shared memory.
__device__ __forceinline__ void copy_numbers(std::uint32_t to, const void* from, int bytes, int thread) {
  if (thread * 16 < bytes)
    copy_async<16>(to + thread * 16, static_cast<const unsigned char*>(from) + thread * 16, true);
}

}  // namespace trecvit::kernels
