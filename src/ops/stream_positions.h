// How far the streams of a step are, and which slots of a state they have.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// Letters: T frames, B streams of the step, S slots of the state, N tokens of a frame.
struct StreamPositions {
  at::Tensor slots;               // [B] int64, no slot twice; undefined: stream b has slot b
  at::Tensor frames_before;       // [B] int64, frames of each stream before this step; undefined: no streams, but clips
  at::Tensor segment_start_mask;  // [T, B*N] bool, true where a row begins
};

// Clips of T frames, of `rows` rows: every row begins at the first frame.
StreamPositions clip_positions(std::int64_t frames, std::int64_t rows, at::Device device);

// A step of T frames of B streams: reads how far its streams are and moves them on. frames_processed [S] int64, contiguous,
// is overwritten. slots undefined: the first B slots, in order, which kernels serve a little faster. On a GPU one kernel,
// without waiting. No gradient. Error: shapes, dtypes or devices that do not fit.
StreamPositions advance_streams(at::Tensor frames_processed, const at::Tensor& slots, std::int64_t streams,
                                std::int64_t frames, std::int64_t tokens);

}  // namespace trecvit::ops
