// How the product of few rows is cut into blocks of threads and pieces of the inner dimension; from sizes alone.
#pragma once

#include <algorithm>
#include <cstdint>

namespace trecvit::kernels::skinny_gemm {

inline constexpr int kColumns = 64, kInner = 64;  // of D to a block of threads; of the inner dimension to a piece
inline constexpr int kMostPieces = 12;
inline constexpr int kLeft = 27 << 10;  // bytes of shared memory in which a block of the recurrent unit waits its turn
inline constexpr int kWarp = 32;
inline constexpr int kMultiplying = 128, kThreads = kMultiplying + kWarp;  // a warpgroup, and a warp that starts copies
inline constexpr int kWeightBytes = kInner * kColumns * 2;
constexpr int activation_bytes(int groups) { return groups * 8 * kInner * 2; }

// How many of its `groups` of 8 rows each of `ranks` blocks finishes; the last one may finish fewer.
constexpr int share(int groups, int ranks) { return (groups + ranks - 1) / ranks; }

struct Plan {
  int groups = 0;  // of 8 rows, to a block of threads; 0: there is no plan
  int ranks = 0;   // blocks of threads to a cluster
  int pieces = 0;  // of the inner dimension, to a block of threads
  int stages = 0;  // of them, whose activations fit into shared memory
  // Where in shared memory things begin.
  constexpr int activations() const { return pieces * kWeightBytes; }
  constexpr int exchange() const { return activations() + stages * activation_bytes(groups); }
  constexpr int barriers() const { return exchange() + (ranks - 1) * share(groups, ranks) * kMultiplying * 16; }
  constexpr int bytes() const { return barriers() + (2 * kMostPieces + 1) * 8; }

  // A stage is free again only when the products of the piece behind its own have begun, so one stage is enough for
  // one piece alone: the second would wait for itself.
  constexpr bool runs() const { return stages >= std::min(pieces, 2); }
};

// A plan's time on an H100, roughly, in nanoseconds: products of one piece; the rows a block finishes; sending the
// others. Measured with the products of TRecViT-B.
constexpr int cost(const Plan& plan) {
  const int mine = share(plan.groups, plan.ranks), others = plan.groups - mine;
  return plan.pieces * (50 + 12 * plan.groups) + 50 * mine + (plan.ranks > 1 ? 600 + 30 * others : 0);
}

// The cheapest plan for which there are multiprocessors and, of `shared_memory` bytes to a block, room enough.
constexpr Plan plan_for(std::int64_t rows, std::int64_t columns, std::int64_t inner, std::int64_t multiprocessors,
                        std::int64_t shared_memory) {
  const std::int64_t pieces = inner / kInner, room = shared_memory - kLeft;
  Plan best;
  for (const int groups : {9, 13, 17}) {
    for (const int ranks : {1, 2, 4}) {
      const std::int64_t down = (rows + 8 * groups - 1) / (8 * groups), blocks = columns / kColumns * down * ranks;
      if (pieces % ranks != 0 || pieces / ranks > kMostPieces || blocks > multiprocessors) continue;
      Plan plan{.groups = groups, .ranks = ranks, .pieces = static_cast<int>(pieces / ranks)};
      const std::int64_t left = std::max<std::int64_t>(room - plan.bytes(), 0);
      plan.stages = static_cast<int>(std::min<std::int64_t>(plan.pieces, left / activation_bytes(groups)));
      if (plan.runs() && (best.groups == 0 || cost(plan) < cost(best))) best = plan;
    }
  }
  return best;
}

}  // namespace trecvit::kernels::skinny_gemm
