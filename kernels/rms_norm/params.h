// What the RMSNorm kernels are told, on every device. recurrentgemma's RMSNorm: statistics in fp32, eps 1e-6, and a
// scale that starts at 0:   y = x * inverse * (1 + scale),   inverse = 1 / sqrt(mean(x^2) + eps) over the C channels of
// a row. All tensors are contiguous.
#pragma once

#include <cstdint>

#include "kernels/element.h"

namespace trecvit::kernels {

inline constexpr double kRmsNormEpsilon = 1e-6;

template <class Io>
struct RmsNormForward {
  std::int64_t rows = 0, channels = 0;  // M, C; both at least 1
  const Io* x = nullptr;                // [M, C]
  const Wide<Io>* scale = nullptr;      // [C]
  Io* y = nullptr;                      // [M, C]
  Wide<Io>* inverse = nullptr;          // [M], for backward; null: not kept
};

// Writes both gradients anew.
template <class Io>
struct RmsNormBackward {
  std::int64_t rows = 0, channels = 0;
  const Io* x = nullptr;              // [M, C]
  const Wide<Io>* scale = nullptr;    // [C]
  const Wide<Io>* inverse = nullptr;  // [M], from forward
  const Io* dy = nullptr;             // [M, C]
  Io* dx = nullptr;                   // [M, C]
  Wide<Io>* dscale = nullptr;         // [C]
  Wide<Io>* partials = nullptr;       // scratch of the device's own size
};

}  // namespace trecvit::kernels
