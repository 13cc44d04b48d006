// Stream positions in the plainest form; also what the CPU runs.
#pragma once

#include <algorithm>

#include "kernels/stream_positions/params.h"

namespace trecvit::kernels::reference {

inline void stream_positions(const StreamPositionsParams& p) {
  for (std::int64_t b = 0; b < p.streams; ++b) {
    std::int64_t& processed = p.frames_processed[p.slots ? p.slots[b] : b];
    p.frames_before[b] = processed;
    for (std::int64_t t = 0; t < p.frames; ++t) {
      const bool starts = t == 0 && processed == 0;
      std::fill_n(p.segment_start_mask + (t * p.streams + b) * p.tokens, p.tokens, static_cast<std::uint8_t>(starts));
    }
    processed += p.frames;
  }
}

}  // namespace trecvit::kernels::reference
