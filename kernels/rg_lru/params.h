// Arguments of the RG-LRU kernels, on every device. The layer: Griffin, arXiv 2402.19427, section 2.4; its bounded
// square root and resets follow recurrentgemma's rglru. Letters: T frames, rows = B*N sequences, R channels.
//
//   i = sigmoid(input_logits + input_bias)        r = sigmoid(a_logits + a_bias)
//   log_a = -8 r softplus(a_param)    a = exp(log_a)    m = sqrt(-expm1(2 log_a))        reset: a = 0, m = 1
//   h_t = a h_{t-1} + m i x           out = h * gelu_tanh(y), or h where there is no y
//
// Tensors are [T, rows, R], time-major and contiguous; only y and its gradient may have rows that lie further apart
// (they are halves of wider products). Io is float, Bf16, or a wider scalar in the reference.
#pragma once

#include <cstdint>

#include "kernels/element.h"
#include "kernels/stream_rows.h"

namespace trecvit::kernels {

template <class Io>
struct RgLruInputs {
  std::int64_t frames = 0, rows = 0, channels = 0;  // T, rows, R; all at least 1
  const Io* x = nullptr;                            // after the convolution
  const Io* input_logits = nullptr;                 // without bias
  const Io* a_logits = nullptr;                     // without bias
  const Io* y = nullptr;                            // gate branch before gelu; may be null
  std::int64_t y_stride = 0;                        // elements from one row of y to the next
  const Wide<Io>* input_bias = nullptr;             // [R]
  const Wide<Io>* a_bias = nullptr;                 // [R]
  const Wide<Io>* a_param = nullptr;                // [R]
  const Wide<Io>* h0 = nullptr;                     // [rows, R]; null: zeros
  const std::uint8_t* reset = nullptr;              // [T, rows], 1 at the first frame of a clip; null: none
};

// Forward leaves h behind for backward, rounded to Io; everything else is calculated again. Without y, out is h.
template <class Io>
struct RgLruForward : RgLruInputs<Io> {
  Io* out = nullptr;            // [T, rows, R]
  StreamRows streams;           // whose states h0 and h_last are
  Wide<Io>* h_last = nullptr;   // [state rows, R]; may be h0 itself
  Io* h = nullptr;              // [T, rows, R]; null: not kept
  Wide<Io>* scratch = nullptr;  // of the device's own size; unused on the CPU
};

// Backward writes every gradient anew and accumulates into nothing. dh0 carries the recurrence, so it is never null.
template <class Io>
struct RgLruBackward : RgLruInputs<Io> {
  const Io* h = nullptr;              // from forward
  const Io* dout = nullptr;           // [T, rows, R]
  const Wide<Io>* dh_last = nullptr;  // [rows, R]; null: zeros
  Io* dx = nullptr;                   // [T, rows, R]
  Io* dinput_logits = nullptr;        // [T, rows, R]
  Io* da_logits = nullptr;            // [T, rows, R]
  Io* dy = nullptr;                   // [T, rows, R]; null exactly when y is
  std::int64_t dy_stride = 0;         // elements from one row of dy to the next
  Wide<Io>* dh0 = nullptr;            // [rows, R]
  Wide<Io>* dinput_bias = nullptr;    // [R]
  Wide<Io>* da_bias = nullptr;        // [R]
  Wide<Io>* da_param = nullptr;       // [R]
  Wide<Io>* partials = nullptr;       // scratch of the device's own size
};

}  // namespace trecvit::kernels
