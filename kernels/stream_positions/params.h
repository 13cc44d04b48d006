// The first thing that a step of streams does: it looks up how far each of its streams is, and moves them on. Letters: T
// frames, B streams of the step, S slots of the state, N tokens.
//
//   frames_before[b] = frames_processed[slots[b]]
//   segment_start_mask[t, b, n] = t == 0 and frames_before[b] == 0
//   frames_processed[slots[b]] += T
#pragma once

#include <cstdint>

namespace trecvit::kernels {

struct StreamPositionsParams {
  std::int64_t frames = 0, streams = 0, tokens = 0;  // T, B, N
  const std::int64_t* slots = nullptr;               // [B], no slot twice; null: stream b has slot b
  std::int64_t* frames_processed = nullptr;          // [S], read and written
  std::int64_t* frames_before = nullptr;             // [B]
  std::uint8_t* segment_start_mask = nullptr;        // [T, B*N]
};

}  // namespace trecvit::kernels
