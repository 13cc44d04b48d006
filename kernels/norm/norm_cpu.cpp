// Vectorised norms. Sums over a row run in kLanes interleaved parts, a fixed order that the compiler may vectorise.
#include <algorithm>
#include <cmath>

#include "kernels/norm/norm.h"

namespace trecvit::kernels {
namespace {

constexpr std::int64_t kLanes = 32;
constexpr int kKinds = 2;  // sums to a tile: dscale, dbias

// sum of f(c) over the channels
template <class F>
[[gnu::always_inline]] inline float lane_sum(std::int64_t channels, const F& f) {
  float lanes[kLanes] = {};
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) lanes[k] += f(c + k);
  }
  float sum = 0;
  for (; c < channels; ++c) sum += f(c);
  for (std::int64_t k = 0; k < kLanes; ++k) sum += lanes[k];
  return sum;
}

// A normalised value becomes value * (kOffset + scale) + bias.
template <NormKind kKind>
constexpr float kOffset = kKind == NormKind::kRms ? 1.0f : 0.0f;

struct ForwardTiles {
  template <NormKind kKind, class Io>
  [[gnu::always_inline]] static inline void row(const NormForward<Io>& p, std::int64_t at) {
    const std::int64_t count = p.channels;
    const Io* __restrict x = p.x + at * count;
    const float* __restrict scale = p.scale;
    const float* __restrict bias = p.bias;
    Io* __restrict y = p.y + at * count;
    float mean = 0;
    if constexpr (kKind == NormKind::kLayer) {
      mean = lane_sum(
                 count, [=](std::int64_t c) __attribute__((always_inline)) { return widen(x[c]); }) /
             static_cast<float>(count);
    }
    const float squares = lane_sum(
        count, [=](std::int64_t c) __attribute__((always_inline)) {
          const float value = widen(x[c]) - mean;
          return value * value;
        });
    const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(count) + static_cast<float>(kNormEpsilon));
    if (p.mean) p.mean[at] = mean;
    if (p.inverse) p.inverse[at] = inverse;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      float value = (widen(x[c]) - mean) * inverse * (kOffset<kKind> + scale[c]);
      if constexpr (kKind == NormKind::kLayer) value += bias[c];
      narrow(value, y[c]);
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const NormForward<Io>& p, std::int64_t begin, std::int64_t end) {
    const std::int64_t row_end = std::min(end * kNormTileRows, p.rows);
    for (std::int64_t at = begin * kNormTileRows; at < row_end; ++at) {
      p.kind == NormKind::kRms ? row<NormKind::kRms>(p, at) : row<NormKind::kLayer>(p, at);
    }
  }
};

struct BackwardTiles {
  // No __restrict on dx: it may be dy or dskip, element for element.
  template <NormKind kKind, class Io>
  [[gnu::always_inline]] static inline void row(const NormBackward<Io>& p, std::int64_t at, float* __restrict dscale,
                                                float* __restrict dbias) {
    const std::int64_t count = p.channels, line = at * count;
    const Io *x = p.x + line, *dy = p.dy + line, *dskip = p.dskip ? p.dskip + line : nullptr;
    const float *scale = p.scale, *bias = p.bias;
    Io *dx = p.dx + line, *y = p.y ? p.y + line : nullptr;
    const float inverse = p.inverse[at], mean = kKind == NormKind::kLayer ? p.mean[at] : 0.0f;
    const auto normal = [=](std::int64_t c) __attribute__((always_inline)) { return (widen(x[c]) - mean) * inverse; };
    const auto gradient = [=](std::int64_t c) __attribute__((always_inline)) {
      return widen(dy[c]) * (kOffset<kKind> + scale[c]);
    };
    const float along =
        lane_sum(
            count, [=](std::int64_t c) __attribute__((always_inline)) { return gradient(c) * normal(c); }) /
        static_cast<float>(count);
    const float level = kKind == NormKind::kLayer ? lane_sum(count, gradient) / static_cast<float>(count) : 0.0f;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      dscale[c] += widen(dy[c]) * normal(c);
      if constexpr (kKind == NormKind::kLayer) dbias[c] += widen(dy[c]);
    }
    if (y) {
#pragma GCC ivdep
      for (std::int64_t c = 0; c < count; ++c) {
        float value = normal(c) * (kOffset<kKind> + scale[c]);
        if constexpr (kKind == NormKind::kLayer) value += bias[c];
        narrow(value, y[c]);
      }
    }
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      const float through = inverse * (gradient(c) - level - normal(c) * along);
      narrow(dskip ? widen(dskip[c]) + through : through, dx[c]);
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const NormBackward<Io>& p, std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      float *dscale = p.partials + tile * kKinds * p.channels, *dbias = dscale + p.channels;
      std::fill_n(dscale, kKinds * p.channels, 0.0f);
      const std::int64_t row_end = std::min((tile + 1) * kNormTileRows, p.rows);
      for (std::int64_t at = tile * kNormTileRows; at < row_end; ++at) {
        p.kind == NormKind::kRms ? row<NormKind::kRms>(p, at, dscale, dbias)
                                 : row<NormKind::kLayer>(p, at, dscale, dbias);
      }
    }
  }
};

void add_tiles(const float* sums, std::int64_t tiles, std::int64_t channels, float* result) {
  std::fill_n(result, channels, 0.0f);
  for (std::int64_t tile = 0; tile < tiles; ++tile, sums += kKinds * channels) {
    for (std::int64_t c = 0; c < channels; ++c) result[c] += sums[c];
  }
}

}  // namespace

std::int64_t norm_cpu_tiles(std::int64_t rows) { return (rows + kNormTileRows - 1) / kNormTileRows; }

std::int64_t norm_cpu_partials(std::int64_t rows, std::int64_t channels) {
  return norm_cpu_tiles(rows) * kKinds * channels;
}

template <class Io>
void norm_forward_cpu(const NormForward<Io>& p, std::int64_t begin, std::int64_t end, CpuLevel level) {
  run_at<ForwardTiles>(level, p, begin, end);
}

template <class Io>
void norm_backward_cpu(const NormBackward<Io>& p, std::int64_t begin, std::int64_t end, CpuLevel level) {
  run_at<BackwardTiles>(level, p, begin, end);
}

template <class Io>
void norm_reduce_cpu(const NormBackward<Io>& p) {
  const std::int64_t tiles = norm_cpu_tiles(p.rows);
  add_tiles(p.partials, tiles, p.channels, p.dscale);
  if (p.dbias) add_tiles(p.partials + p.channels, tiles, p.channels, p.dbias);
}

template void norm_forward_cpu(const NormForward<float>&, std::int64_t, std::int64_t, CpuLevel);
template void norm_forward_cpu(const NormForward<Bf16>&, std::int64_t, std::int64_t, CpuLevel);
template void norm_backward_cpu(const NormBackward<float>&, std::int64_t, std::int64_t, CpuLevel);
template void norm_backward_cpu(const NormBackward<Bf16>&, std::int64_t, std::int64_t, CpuLevel);
template void norm_reduce_cpu(const NormBackward<float>&);
template void norm_reduce_cpu(const NormBackward<Bf16>&);

}  // namespace trecvit::kernels
