// The recurrent unit as its three parts in a row.
#pragma once

#include <vector>

#include "kernels/causal_conv1d/reference.h"
#include "kernels/recurrent_unit/params.h"
#include "kernels/rg_lru/reference.h"

namespace trecvit::kernels::reference {

// `round` is what Io does to the convolution's result.
template <class S, class Round>
void recurrent_unit_forward(const RecurrentUnitForward<S>& p, const Round& round) {
  const std::int64_t lines = p.frames * p.rows, d = p.channels / p.blocks;
  std::vector<S> u(lines * p.channels), input_logits(u.size()), a_logits(u.size());
  CausalConv1dForward<S> conv;
  conv.frames = p.frames, conv.rows = p.rows, conv.channels = p.channels;
  conv.z = p.x, conv.z_stride = p.stride, conv.w = p.conv_w, conv.b = p.conv_b, conv.state = p.conv_state;
  conv.streams = p.streams;
  conv.out = u.data(), conv.state_out = p.conv_state_out;
  causal_conv1d_forward(conv);
  for (S& value : u) value = round(value);
  for (std::int64_t line = 0; line < lines; ++line) {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const std::int64_t block = c / d, at = line * p.channels + c;
      for (std::int64_t k = 0; k < d; ++k) {
        const S value = u[line * p.channels + block * d + k];
        const std::int64_t weight = (block * d + k) * d + c % d;
        input_logits[at] += value * p.input_gate[weight];
        a_logits[at] += value * p.a_gate[weight];
      }
    }
  }
  RgLruForward<S> lru;
  lru.frames = p.frames, lru.rows = p.rows, lru.channels = p.channels;
  lru.x = u.data(), lru.input_logits = input_logits.data(), lru.a_logits = a_logits.data();
  lru.y = p.y, lru.y_stride = p.stride;
  lru.input_bias = p.input_bias, lru.a_bias = p.a_bias, lru.a_param = p.a_param;
  lru.streams = p.streams;
  lru.h0 = p.h0, lru.reset = p.reset, lru.out = p.out, lru.h_last = p.h_last;
  rg_lru_forward(lru);
}

}  // namespace trecvit::kernels::reference
