// Where the states of a step's streams lie. A step takes some of the streams of a state: stream b of the step has slot
// slots[b] of the state. Letters: B streams of the step, N rows of a stream (its tokens), rows = B*N.
#pragma once

#include <cstdint>

namespace trecvit::kernels {

struct StreamRows {
  const std::int64_t* slots = nullptr;          // [B], no slot twice; null: stream b has slot b
  const std::int64_t* frames_before = nullptr;  // [B] frames of each stream before this step; null: states are no rings
  std::uint32_t tokens = 1;                     // N

  // The row of the state that belongs to a row of the step.
  constexpr std::int64_t state_row(std::int64_t row) const {
    if (!slots) return row;
    const auto at = static_cast<std::uint32_t>(row);
    return slots[at / tokens] * tokens + at % tokens;
  }
  // In a ring of `length` lines frame s is line s mod length: the line with the oldest input of a row, once `later` more
  // have come.
  constexpr int oldest_line(std::int64_t row, std::int64_t length, std::int64_t later = 0) const {
    if (!frames_before) return 0;
    return static_cast<int>((frames_before[static_cast<std::uint32_t>(row) / tokens] + later) % length);
  }
};

}  // namespace trecvit::kernels
