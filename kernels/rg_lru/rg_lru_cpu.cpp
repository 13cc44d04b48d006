// Vectorised RG-LRU. Within a tile, frames are outermost and the recurrent state of all its cells stays in cache, so
// memory is read in the order in which it lies.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/rg_lru/rg_lru.h"
#include "kernels/vector_math.h"

namespace trecvit::kernels {
namespace {

struct Tile {
  std::int64_t index, row_begin, row_end, begin, count;  // rows and channels
};

[[gnu::always_inline]] inline Tile tile_at(std::int64_t tile, std::int64_t rows, std::int64_t channels) {
  const std::int64_t column_blocks = (channels + kRgLruTileChannels - 1) / kRgLruTileChannels;
  const std::int64_t row = tile / column_blocks * kRgLruTileRows, channel = tile % column_blocks * kRgLruTileChannels;
  return {tile / column_blocks, row, std::min(row + kRgLruTileRows, rows), channel,
          std::min(kRgLruTileChannels, channels - channel)};
}

struct Gates {
  float i, r, a, u, m;  // u = 1 - a^2
};

// All ones, or zero at a reset. Loops select by bits, since a condition in them would keep them from being vectorised.
[[gnu::always_inline]] inline std::uint32_t going_on(bool reset) { return reset ? 0u : ~0u; }
[[gnu::always_inline]] inline float keep_if(std::uint32_t mask, float value) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & mask);
}

[[gnu::always_inline]] inline Gates gates(float input_logit, float a_logit, float decay, std::uint32_t mask) {
  const float i = fast_sigmoid(input_logit), r = fast_sigmoid(a_logit);
  const ExpParts e = exp_parts(decay * r);
  const float a = e.scale * e.p + e.scale;
  const float a_less_1 = e.scale * e.p + (e.scale - 1.0f);
  const float u = -a_less_1 * (1.0f + a);  // every digit survives near a = 1
  return {i, r, keep_if(mask, a), u, keep_if(mask, std::sqrt(u)) + keep_if(~mask, 1.0f)};
}

// decay = -8 softplus(a_param)
[[gnu::always_inline]] inline void decays(const float* __restrict a_param, std::int64_t count,
                                          float* __restrict decay) {
  for (std::int64_t c = 0; c < count; ++c) decay[c] = -8.0f * fast_softplus(a_param[c]);
}

struct ForwardTiles {
  template <class Io, bool kGated, bool kKeep>
  [[gnu::always_inline]] static inline void row(std::int64_t count, std::uint32_t mask, const Io* __restrict x,
                                                const Io* __restrict input_logits, const Io* __restrict a_logits,
                                                const Io* __restrict y, const float* __restrict input_bias,
                                                const float* __restrict a_bias, const float* __restrict decay,
                                                float* __restrict state, Io* __restrict out, Io* __restrict keep) {
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      const Gates g = gates(widen(input_logits[c]) + input_bias[c], widen(a_logits[c]) + a_bias[c], decay[c], mask);
      const float h = g.a * keep_if(mask, state[c]) + g.m * g.i * widen(x[c]);
      state[c] = h;
      if constexpr (kKeep) narrow(h, keep[c]);
      if constexpr (kGated) {
        narrow(h * fast_gelu(widen(y[c])).value, out[c]);
      } else {
        narrow(h, out[c]);
      }
    }
  }

  template <class Io, bool kGated, bool kKeep>
  [[gnu::always_inline]] static inline void tile(const RgLruForward<Io>& p, const Tile& tile) {
    alignas(64) float decay[kRgLruTileChannels];
    decays(p.a_param + tile.begin, tile.count, decay);
    for (std::int64_t row_at = tile.row_begin; row_at < tile.row_end; ++row_at) {
      const std::int64_t at = p.streams.state_row(row_at) * p.channels + tile.begin;
      float* state = p.h_last + at;
      const float* initial = p.h0 ? p.h0 + at : nullptr;
      for (std::int64_t c = 0; c < tile.count; ++c) state[c] = initial ? initial[c] : 0.0f;
    }
    for (std::int64_t t = 0; t < p.frames; ++t) {
      for (std::int64_t row_at = tile.row_begin; row_at < tile.row_end; ++row_at) {
        const std::int64_t line = t * p.rows + row_at, at = line * p.channels + tile.begin;
        row<Io, kGated, kKeep>(tile.count, going_on(p.reset && p.reset[line]), p.x + at, p.input_logits + at,
                               p.a_logits + at, kGated ? p.y + line * p.y_stride + tile.begin : nullptr,
                               p.input_bias + tile.begin, p.a_bias + tile.begin, decay,
                               p.h_last + p.streams.state_row(row_at) * p.channels + tile.begin, p.out + at,
                               kKeep ? p.h + at : nullptr);
      }
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const RgLruForward<Io>& p, std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end; ++at) {
      const Tile range = tile_at(at, p.rows, p.channels);
      if (p.y && p.h) tile<Io, true, true>(p, range);
      if (p.y && !p.h) tile<Io, true, false>(p, range);
      if (!p.y && p.h) tile<Io, false, true>(p, range);
      if (!p.y && !p.h) tile<Io, false, false>(p, range);
    }
  }
};

struct BackwardTiles {
  // `carry` holds d/dh_t from everything after frame t and leaves with that of frame t - 1. The sums, over the tile's
  // rows and frames, are of the two logits' gradients and of dlog_a * r.
  template <class Io, class Before, bool kGated>
  [[gnu::always_inline]] static inline void row(std::int64_t count, std::uint32_t mask, const Io* __restrict x,
                                                const Io* __restrict input_logits, const Io* __restrict a_logits,
                                                const Io* __restrict y, const float* __restrict input_bias,
                                                const float* __restrict a_bias, const float* __restrict decay,
                                                const Io* __restrict h, const Before* __restrict before,
                                                const Io* __restrict dout, float* __restrict carry, Io* __restrict dx,
                                                Io* __restrict dinput_logits, Io* __restrict da_logits,
                                                Io* __restrict dy, float* __restrict sum_input, float* __restrict sum_a,
                                                float* __restrict sum_decay) {
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      const Gates g = gates(widen(input_logits[c]) + input_bias[c], widen(a_logits[c]) + a_bias[c], decay[c], mask);
      float dh = widen(dout[c]);
      if constexpr (kGated) {
        const Gelu gate = fast_gelu(widen(y[c]));
        narrow(dh * widen(h[c]) * gate.slope, dy[c]);
        dh *= gate.value;
      }
      dh += carry[c];
      const float xi = widen(x[c]) * g.i, dhm = dh * g.m;
      const float bounded = g.u > 2.5e-7f ? g.u : 2.5e-7f;  // 1 / (4 * 1000^2)
      const float slope = g.a * widen(before[c]) - g.a * g.a * xi / std::sqrt(bounded);
      const float dr_scaled = keep_if(mask, dh * slope) * g.r;  // dlog_a * r
      const float di = dhm * xi * (1.0f - g.i), dr = dr_scaled * decay[c] * (1.0f - g.r);
      narrow(dhm * g.i, dx[c]);
      narrow(di, dinput_logits[c]);
      narrow(dr, da_logits[c]);
      sum_input[c] += di;
      sum_a[c] += dr;
      sum_decay[c] += dr_scaled;
      carry[c] = dh * g.a;
    }
  }

  template <class Io, bool kGated>
  [[gnu::always_inline]] static inline void tile(const RgLruBackward<Io>& p, const Tile& tile) {
    alignas(64) float decay[kRgLruTileChannels];
    alignas(64) float zeros[kRgLruTileChannels] = {};
    decays(p.a_param + tile.begin, tile.count, decay);
    float* sums = p.partials + tile.index * 3 * p.channels + tile.begin;
    for (std::int64_t k = 0; k < 3; ++k) std::fill_n(sums + k * p.channels, tile.count, 0.0f);
    for (std::int64_t row_at = tile.row_begin; row_at < tile.row_end; ++row_at) {
      const std::int64_t cell = row_at * p.channels + tile.begin;
      for (std::int64_t c = 0; c < tile.count; ++c) p.dh0[cell + c] = p.dh_last ? p.dh_last[cell + c] : 0.0f;
    }
    for (std::int64_t t = p.frames - 1; t >= 0; --t) {
      for (std::int64_t row_at = tile.row_begin; row_at < tile.row_end; ++row_at) {
        const std::int64_t line = t * p.rows + row_at, at = line * p.channels + tile.begin;
        const std::int64_t cell = row_at * p.channels + tile.begin;
        const auto step = [&](const auto* before) __attribute__((always_inline)) {
          row<Io, std::remove_cvref_t<decltype(*before)>, kGated>(
              tile.count, going_on(p.reset && p.reset[line]), p.x + at, p.input_logits + at, p.a_logits + at,
              kGated ? p.y + line * p.y_stride + tile.begin : nullptr, p.input_bias + tile.begin, p.a_bias + tile.begin,
              decay, p.h + at, before, p.dout + at, p.dh0 + cell, p.dx + at, p.dinput_logits + at, p.da_logits + at,
              kGated ? p.dy + line * p.dy_stride + tile.begin : nullptr, sums, sums + p.channels,
              sums + 2 * p.channels);
        };
        if (t > 0) {
          step(p.h + at - p.rows * p.channels);
        } else {
          step(p.h0 ? p.h0 + cell : static_cast<const float*>(zeros));
        }
      }
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const RgLruBackward<Io>& p, std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end; ++at) {
      const Tile range = tile_at(at, p.rows, p.channels);
      p.y ? tile<Io, true>(p, range) : tile<Io, false>(p, range);
    }
  }
};

}  // namespace

std::int64_t rg_lru_cpu_tiles(std::int64_t rows, std::int64_t channels) {
  return (rows + kRgLruTileRows - 1) / kRgLruTileRows * ((channels + kRgLruTileChannels - 1) / kRgLruTileChannels);
}

std::int64_t rg_lru_cpu_partials(std::int64_t rows, std::int64_t channels) {
  return (rows + kRgLruTileRows - 1) / kRgLruTileRows * 3 * channels;
}

template <class Io>
void rg_lru_forward_cpu(const RgLruForward<Io>& p, std::int64_t begin, std::int64_t end, CpuLevel level) {
  run_at<ForwardTiles>(level, p, begin, end);
}

template <class Io>
void rg_lru_backward_cpu(const RgLruBackward<Io>& p, std::int64_t begin, std::int64_t end, CpuLevel level) {
  run_at<BackwardTiles>(level, p, begin, end);
}

template <class Io>
void rg_lru_reduce_cpu(const RgLruBackward<Io>& p) {
  const std::int64_t tiles = (p.rows + kRgLruTileRows - 1) / kRgLruTileRows;
  float* results[] = {p.dinput_bias, p.da_bias, p.da_param};
  for (std::int64_t k = 0; k < 3; ++k) {
    std::fill_n(results[k], p.channels, 0.0f);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const float* partial = p.partials + (tile * 3 + k) * p.channels;
      for (std::int64_t c = 0; c < p.channels; ++c) results[k][c] += partial[c];
    }
  }
  // d(-8 softplus(a)) / da
  for (std::int64_t c = 0; c < p.channels; ++c) p.da_param[c] *= -8.0f * fast_sigmoid(p.a_param[c]);
}

template void rg_lru_forward_cpu(const RgLruForward<float>&, std::int64_t, std::int64_t, CpuLevel);
template void rg_lru_forward_cpu(const RgLruForward<Bf16>&, std::int64_t, std::int64_t, CpuLevel);
template void rg_lru_backward_cpu(const RgLruBackward<float>&, std::int64_t, std::int64_t, CpuLevel);
template void rg_lru_backward_cpu(const RgLruBackward<Bf16>&, std::int64_t, std::int64_t, CpuLevel);
template void rg_lru_reduce_cpu(const RgLruBackward<float>&);
template void rg_lru_reduce_cpu(const RgLruBackward<Bf16>&);

}  // namespace trecvit::kernels
