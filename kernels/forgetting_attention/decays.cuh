// The decays as the kernels that work by tiles read them: within tiles as fp32, between tiles as fp64.
#pragma once

#include "kernels/forgetting_attention/params.h"

namespace trecvit::kernels {

// Arrays that are copied 16 bytes at a time come first in memory. Of every cell, one row's head; D_ij = own(i) + (first(m) -
// end(n)) + rest(j) for query i of tile m and key j of tile n. Every term is 0 or negative where the tiles do not meet
// at the diagonal.
struct ForgettingDecays {
  double* ends = nullptr;    // [cells, key tiles]: c of the last key
  double* firsts = nullptr;  // [cells, query tiles]: c at the first query
  float* rests = nullptr;    // [cells, key tiles, 64]: (end - c_j) log2(e); beyond the last key 0
  float* owns = nullptr;     // [cells, query tiles, 64]: c at i - first; beyond the last query 0

  static constexpr std::int64_t bytes(std::int64_t cells, std::int64_t query_tiles, std::int64_t key_tiles) {
    return cells * (query_tiles + key_tiles) *
           static_cast<std::int64_t>(sizeof(double) + kForgettingTile * sizeof(float));
  }
  template <class Io>
  static ForgettingDecays at(const ForgettingAttentionInputs<Io>& p, void* memory) {
    ForgettingDecays d;
    d.rests = static_cast<float*>(memory), d.owns = d.rests + p.cells() * p.key_tiles() * kForgettingTile;
    d.ends = reinterpret_cast<double*>(d.owns + p.cells() * p.query_tiles() * kForgettingTile);
    d.firsts = d.ends + p.cells() * p.key_tiles();
    return d;
  }
  template <class Io>
  static ForgettingDecays of(const ForgettingAttentionInputs<Io>& p) {
    return at(p, const_cast<void*>(p.decays));
  }
};

// Passed on between backward's kernels, [cells, tiles, 64] each; in this order in memory.
struct ForgettingSums {
  float2* statistics =
      nullptr;              // of a query: lse without `own`, in powers of two, and delta; beyond the last one inf, 0
  float* rows = nullptr;    // of a query: the row sum of dS
  float* dc = nullptr;      // of a key: row sum at its position - column sum; beyond the last one 0
  double* tiles = nullptr;  // [cells, key tiles]: for sums of dc

  static constexpr std::int64_t bytes(std::int64_t cells, std::int64_t query_tiles, std::int64_t key_tiles) {
    return cells * (3 * query_tiles + key_tiles) * kForgettingTile * static_cast<std::int64_t>(sizeof(float)) +
           cells * key_tiles * static_cast<std::int64_t>(sizeof(double));
  }
  template <class Io>
  static ForgettingSums of(const ForgettingAttentionBackward<Io>& p) {
    ForgettingSums s;
    s.statistics = static_cast<float2*>(p.scratch);
    s.rows = reinterpret_cast<float*>(s.statistics + p.cells() * p.query_tiles() * kForgettingTile);
    s.dc = s.rows + p.cells() * p.query_tiles() * kForgettingTile;
    s.tiles = reinterpret_cast<double*>(s.dc + p.cells() * p.key_tiles() * kForgettingTile);
    return s;
  }
};

// Fills the decays.
void launch_forgetting_decays(const float* log_f, const ForgettingDecays& decays, std::int64_t cells,
                              std::int64_t queries, std::int64_t keys, cudaStream_t stream);
// dlog_f [keys, cells] = sums of dc from a position on.
void launch_forgetting_gate_gradients(const ForgettingSums& sums, float* dlog_f, std::int64_t cells, std::int64_t keys,
                                      cudaStream_t stream);

}  // namespace trecvit::kernels
