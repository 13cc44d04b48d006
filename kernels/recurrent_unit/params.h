// Arguments of the kernel of the whole recurrent unit: everything between the two linear maps of a recurrent block
// (Griffin, arXiv 2402.19427, section 2.3), forward, without what backward would need.
//
//   u = causal_conv1d(x)                                         as causal_conv1d/params.h says, rounded to Io
//   input_logits = u input_gate,  a_logits = u a_gate            block by block
//   out = rg_lru(u, input_logits, a_logits, y)                   as rg_lru/params.h says
//
// Letters: T frames, rows = B*N sequences, R channels in H blocks of D = R/H.
#pragma once

#include <cstdint>

#include "kernels/causal_conv1d/params.h"

namespace trecvit::kernels {

template <class Io>
struct RecurrentUnitForward {
  std::int64_t frames = 0, rows = 0, channels = 0, blocks = 0;  // T, rows, R, H
  const Io* x = nullptr;                                        // [T, rows, R]
  const Io* y = nullptr;                                        // [T, rows, R], the gating branch before gelu
  std::int64_t stride = 0;                                      // elements from one row of x, and of y, to the next
  const Wide<Io>* conv_w = nullptr;                             // [4, R]
  const Wide<Io>* conv_b = nullptr;                             // [R]
  const Io* input_gate = nullptr;                               // [H, D, D]
  const Io* a_gate = nullptr;                                   // [H, D, D]
  const Wide<Io>* input_bias = nullptr;                         // [R]
  const Wide<Io>* a_bias = nullptr;                             // [R]
  const Wide<Io>* a_param = nullptr;                            // [R]
  StreamRows streams;                                           // whose states these are
  const Io* conv_state = nullptr;                               // [state rows, 3, R]; null: zeros
  const Wide<Io>* h0 = nullptr;                                 // [state rows, R]; null: zeros
  const std::uint8_t* reset = nullptr;                          // [T, rows]; null: none
  Io* out = nullptr;                                            // [T, rows, R]
  Io* conv_state_out = nullptr;                                 // [state rows, 3, R]; may be conv_state; a ring: is
  Wide<Io>* h_last = nullptr;                                   // [state rows, R]; may be h0 itself
};

}  // namespace trecvit::kernels
