// Arguments of the causal depthwise convolution kernels, on every device. Letters: T frames, rows = B*N, R channels.
//
//   out_t = b + sum_{s=0..3} w[3-s] * z_{t-s},   where z_{-3}, z_{-2}, z_{-1} are the incoming state (zeros if null)
//
// The state holds the last three inputs, [rows, 3, R]: oldest first, as recurrentgemma's conv1d cache does, or for a
// stream as a ring, in which input s of the stream is line s mod 3, so that a frame writes one line and moves none.
#pragma once

#include <cstdint>

#include "kernels/element.h"
#include "kernels/stream_rows.h"

namespace trecvit::kernels {

inline constexpr std::int64_t kConvWidth = 4;
inline constexpr std::int64_t kConvState = kConvWidth - 1;

// The line that holds the k-th oldest.
constexpr int conv_line(int oldest, int k) { return (oldest + k) % static_cast<int>(kConvState); }

template <class Io>
struct CausalConv1dInputs {
  std::int64_t frames = 0, rows = 0, channels = 0;  // T, rows, R; all at least 1
  const Io* z = nullptr;                            // [T, rows, R]
  std::int64_t z_stride = 0;                        // elements from one row of z to the next
  const Wide<Io>* w = nullptr;                      // [4, R]
  const Wide<Io>* b = nullptr;                      // [R]
  const Io* state = nullptr;                        // [state rows, 3, R]; null: zeros
  StreamRows streams;                               // forward alone: whose states, and whether they are rings
};

// Forward keeps nothing for backward but its inputs.
template <class Io>
struct CausalConv1dForward : CausalConv1dInputs<Io> {
  Io* out = nullptr;        // [T, rows, R], contiguous
  Io* state_out = nullptr;  // [state rows, 3, R]; may be `state` itself, and is where that is a ring
};

// Backward writes every gradient anew.
template <class Io>
struct CausalConv1dBackward : CausalConv1dInputs<Io> {
  const Io* dout = nullptr;        // [T, rows, R], contiguous
  const Io* dstate_out = nullptr;  // [rows, 3, R]; null: zeros
  Io* dz = nullptr;                // [T, rows, R]
  std::int64_t dz_stride = 0;      // elements from one row of dz to the next
  Io* dstate = nullptr;            // [rows, 3, R]; null: not wanted
  Wide<Io>* dw = nullptr;          // [4, R]
  Wide<Io>* db = nullptr;          // [R]
  Wide<Io>* partials = nullptr;    // scratch of the device's own size
};

}  // namespace trecvit::kernels
