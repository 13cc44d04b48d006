// Vectorised RMSNorm. Sums over a row run in kLanes interleaved parts, a fixed order that the compiler may vectorise.
#include <algorithm>
#include <cmath>

#include "kernels/rms_norm/rms_norm.h"

namespace trecvit::kernels {
namespace {

constexpr std::int64_t kLanes = 32;

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

struct ForwardTiles {
  template <class Io>
  [[gnu::always_inline]] static inline void row(std::int64_t count, const Io* __restrict x,
                                                const float* __restrict scale, Io* __restrict y, float* inverse_kept) {
    const float sum = lane_sum(
        count, [=](std::int64_t c) __attribute__((always_inline)) {
          const float value = widen(x[c]);
          return value * value;
        });
    const float inverse = 1.0f / std::sqrt(sum / static_cast<float>(count) + static_cast<float>(kRmsNormEpsilon));
    if (inverse_kept) *inverse_kept = inverse;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) narrow(widen(x[c]) * inverse * (1.0f + scale[c]), y[c]);
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const RmsNormForward<Io>& p, std::int64_t begin, std::int64_t end) {
    const std::int64_t row_end = std::min(end * kRmsNormTileRows, p.rows);
    for (std::int64_t at = begin * kRmsNormTileRows; at < row_end; ++at) {
      row<Io>(p.channels, p.x + at * p.channels, p.scale, p.y + at * p.channels, p.inverse ? p.inverse + at : nullptr);
    }
  }
};

struct BackwardTiles {
  template <class Io>
  [[gnu::always_inline]] static inline void row(std::int64_t count, const Io* __restrict x,
                                                const float* __restrict scale, float inverse, const Io* __restrict dy,
                                                Io* __restrict dx, float* __restrict sums) {
    const float dot = lane_sum(
        count, [=](std::int64_t c)
                   __attribute__((always_inline)) { return widen(dy[c]) * (1.0f + scale[c]) * widen(x[c]); });
    const float factor = dot * inverse * inverse / static_cast<float>(count);
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      const float value = widen(x[c]), d = widen(dy[c]);
      sums[c] += d * value * inverse;
      narrow(inverse * (d * (1.0f + scale[c]) - value * factor), dx[c]);
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const RmsNormBackward<Io>& p, std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      float* sums = p.partials + tile * p.channels;
      std::fill_n(sums, p.channels, 0.0f);
      const std::int64_t row_end = std::min((tile + 1) * kRmsNormTileRows, p.rows);
      for (std::int64_t at = tile * kRmsNormTileRows; at < row_end; ++at) {
        const std::int64_t line = at * p.channels;
        row<Io>(p.channels, p.x + line, p.scale, p.inverse[at], p.dy + line, p.dx + line, sums);
      }
    }
  }
};

}  // namespace

std::int64_t rms_norm_cpu_tiles(std::int64_t rows) { return (rows + kRmsNormTileRows - 1) / kRmsNormTileRows; }

std::int64_t rms_norm_cpu_partials(std::int64_t rows, std::int64_t channels) {
  return rms_norm_cpu_tiles(rows) * channels;
}

template <class Io>
void rms_norm_forward_cpu(const RmsNormForward<Io>& p, std::int64_t begin, std::int64_t end, CpuLevel level) {
  run_at<ForwardTiles>(level, p, begin, end);
}

template <class Io>
void rms_norm_backward_cpu(const RmsNormBackward<Io>& p, std::int64_t begin, std::int64_t end, CpuLevel level) {
  run_at<BackwardTiles>(level, p, begin, end);
}

template <class Io>
void rms_norm_reduce_cpu(const RmsNormBackward<Io>& p) {
  std::fill_n(p.dscale, p.channels, 0.0f);
  for (std::int64_t tile = 0; tile < rms_norm_cpu_tiles(p.rows); ++tile) {
    const float* sums = p.partials + tile * p.channels;
    for (std::int64_t c = 0; c < p.channels; ++c) p.dscale[c] += sums[c];
  }
}

template void rms_norm_forward_cpu(const RmsNormForward<float>&, std::int64_t, std::int64_t, CpuLevel);
template void rms_norm_forward_cpu(const RmsNormForward<Bf16>&, std::int64_t, std::int64_t, CpuLevel);
template void rms_norm_backward_cpu(const RmsNormBackward<float>&, std::int64_t, std::int64_t, CpuLevel);
template void rms_norm_backward_cpu(const RmsNormBackward<Bf16>&, std::int64_t, std::int64_t, CpuLevel);
template void rms_norm_reduce_cpu(const RmsNormBackward<float>&);
template void rms_norm_reduce_cpu(const RmsNormBackward<Bf16>&);

}  // namespace trecvit::kernels
