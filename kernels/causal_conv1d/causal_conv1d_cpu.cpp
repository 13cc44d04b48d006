// Vectorised causal convolution over time: one row of channels at a time, from the four frames that it needs.
#include <algorithm>
#include <vector>

#include "kernels/causal_conv1d/causal_conv1d.h"

namespace trecvit::kernels {
namespace {

// Row `row` of the sequence "three frames of state, then T frames"; `at` counts from the oldest state frame.
template <class Io>
const Io* input_row(const CausalConv1dInputs<Io>& p, std::int64_t at, std::int64_t row, const Io* zeros) {
  if (at >= kConvState) return p.z + ((at - kConvState) * p.rows + row) * p.z_stride;
  if (!p.state) return zeros;
  return p.state + (p.streams.state_row(row) * kConvState + conv_line(p.streams.oldest_line(row, kConvState), static_cast<int>(at))) * p.channels;
}

struct ForwardTiles {
  template <class Io>
  [[gnu::always_inline]] static inline void row(std::int64_t count, const float* __restrict w,
                                                const float* __restrict b, const Io* __restrict z0,
                                                const Io* __restrict z1, const Io* __restrict z2,
                                                const Io* __restrict z3, Io* __restrict out) {
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      float sum = b[c] + w[c] * widen(z0[c]);
      sum += w[count + c] * widen(z1[c]);
      sum += w[2 * count + c] * widen(z2[c]);
      sum += w[3 * count + c] * widen(z3[c]);
      narrow(sum, out[c]);
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const CausalConv1dForward<Io>& p, std::int64_t begin,
                                                std::int64_t end) {
    const std::vector<Io> zeros(static_cast<std::size_t>(p.channels));
    const std::int64_t row_end = std::min(end * kConvTileRows, p.rows);
    for (std::int64_t row_begin = begin * kConvTileRows; row_begin < row_end; row_begin += kConvTileRows) {
      const std::int64_t tile_end = std::min(row_begin + kConvTileRows, p.rows);
      for (std::int64_t t = 0; t < p.frames; ++t) {
        for (std::int64_t at = row_begin; at < tile_end; ++at) {
          row<Io>(p.channels, p.w, p.b, input_row(p, t, at, zeros.data()), input_row(p, t + 1, at, zeros.data()),
                  input_row(p, t + 2, at, zeros.data()), input_row(p, t + 3, at, zeros.data()),
                  p.out + (t * p.rows + at) * p.channels);
        }
      }
      for (std::int64_t at = row_begin; at < tile_end; ++at) {
        // In place is safe: frame j is read from frame T + j, before that one is overwritten. In a ring what stays
        // lies where it lay.
        const int oldest = p.streams.oldest_line(at, kConvState, p.frames);
        const std::int64_t state_row = p.streams.state_row(at);
        for (int j = 0; j < kConvState; ++j) {
          const Io* from = input_row(p, p.frames + j, at, zeros.data());
          Io* to = p.state_out + (state_row * kConvState + conv_line(oldest, j)) * p.channels;
          if (from != to) std::copy_n(from, p.channels, to);
        }
      }
    }
  }
};

struct BackwardTiles {
  // The gradient of one input frame from the four outputs that it reached, d0 being its own frame's.
  template <class Io>
  [[gnu::always_inline]] static inline void input(std::int64_t count, const float* __restrict w,
                                                  const Io* __restrict d0, const Io* __restrict d1,
                                                  const Io* __restrict d2, const Io* __restrict d3,
                                                  const Io* __restrict later, Io* __restrict gradient) {
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      float sum = widen(later[c]) + w[3 * count + c] * widen(d0[c]);
      sum += w[2 * count + c] * widen(d1[c]);
      sum += w[count + c] * widen(d2[c]);
      sum += w[c] * widen(d3[c]);
      narrow(sum, gradient[c]);
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void weights(std::int64_t count, const Io* __restrict dout,
                                                    const Io* __restrict z0, const Io* __restrict z1,
                                                    const Io* __restrict z2, const Io* __restrict z3,
                                                    float* __restrict sums) {
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      const float d = widen(dout[c]);
      sums[c] += d * widen(z0[c]);
      sums[count + c] += d * widen(z1[c]);
      sums[2 * count + c] += d * widen(z2[c]);
      sums[3 * count + c] += d * widen(z3[c]);
      sums[4 * count + c] += d;
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const CausalConv1dBackward<Io>& p, std::int64_t begin,
                                                std::int64_t end) {
    const std::vector<Io> zeros(static_cast<std::size_t>(p.channels));
    const auto dout = [&](std::int64_t t, std::int64_t row) {
      return t >= 0 && t < p.frames ? p.dout + (t * p.rows + row) * p.channels : zeros.data();
    };
    for (std::int64_t tile = begin; tile < end; ++tile) {
      float* sums = p.partials + tile * (kConvWidth + 1) * p.channels;
      std::fill_n(sums, (kConvWidth + 1) * p.channels, 0.0f);
      const std::int64_t row_begin = tile * kConvTileRows, row_end = std::min(row_begin + kConvTileRows, p.rows);
      for (std::int64_t t = -kConvState; t < p.frames; ++t) {
        for (std::int64_t at = row_begin; at < row_end; ++at) {
          Io* gradient = p.dz + (t * p.rows + at) * p.dz_stride;
          if (t < 0) {
            if (!p.dstate) continue;
            gradient = p.dstate + (at * kConvState + t + kConvState) * p.channels;
          }
          const std::int64_t kept = t + kConvState - p.frames;  // the place of frame t in the outgoing state
          const bool later = p.dstate_out && kept >= 0;
          input<Io>(p.channels, p.w, dout(t, at), dout(t + 1, at), dout(t + 2, at), dout(t + 3, at),
                    later ? p.dstate_out + (at * kConvState + kept) * p.channels : zeros.data(), gradient);
          if (t < 0) continue;
          weights<Io>(p.channels, dout(t, at), input_row(p, t, at, zeros.data()), input_row(p, t + 1, at, zeros.data()),
                      input_row(p, t + 2, at, zeros.data()), input_row(p, t + 3, at, zeros.data()), sums);
        }
      }
    }
  }
};

}  // namespace

std::int64_t causal_conv1d_cpu_tiles(std::int64_t rows) { return (rows + kConvTileRows - 1) / kConvTileRows; }

std::int64_t causal_conv1d_cpu_partials(std::int64_t rows, std::int64_t channels) {
  return causal_conv1d_cpu_tiles(rows) * (kConvWidth + 1) * channels;
}

template <class Io>
void causal_conv1d_forward_cpu(const CausalConv1dForward<Io>& p, std::int64_t begin, std::int64_t end, CpuLevel level) {
  run_at<ForwardTiles>(level, p, begin, end);
}

template <class Io>
void causal_conv1d_backward_cpu(const CausalConv1dBackward<Io>& p, std::int64_t begin, std::int64_t end,
                                CpuLevel level) {
  run_at<BackwardTiles>(level, p, begin, end);
}

template <class Io>
void causal_conv1d_reduce_cpu(const CausalConv1dBackward<Io>& p) {
  const std::int64_t weights = kConvWidth * p.channels, all = weights + p.channels;
  std::fill_n(p.dw, weights, 0.0f);
  std::fill_n(p.db, p.channels, 0.0f);
  for (std::int64_t tile = 0; tile < causal_conv1d_cpu_tiles(p.rows); ++tile) {
    const float* sums = p.partials + tile * all;
    for (std::int64_t c = 0; c < weights; ++c) p.dw[c] += sums[c];
    for (std::int64_t c = 0; c < p.channels; ++c) p.db[c] += sums[weights + c];
  }
}

template void causal_conv1d_forward_cpu(const CausalConv1dForward<float>&, std::int64_t, std::int64_t, CpuLevel);
template void causal_conv1d_forward_cpu(const CausalConv1dForward<Bf16>&, std::int64_t, std::int64_t, CpuLevel);
template void causal_conv1d_backward_cpu(const CausalConv1dBackward<float>&, std::int64_t, std::int64_t, CpuLevel);
template void causal_conv1d_backward_cpu(const CausalConv1dBackward<Bf16>&, std::int64_t, std::int64_t, CpuLevel);
template void causal_conv1d_reduce_cpu(const CausalConv1dBackward<float>&);
template void causal_conv1d_reduce_cpu(const CausalConv1dBackward<Bf16>&);

}  // namespace trecvit::kernels
