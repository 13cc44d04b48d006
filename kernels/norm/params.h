// Arguments of the norm kernels, on every device. A row of C channels, statistics in fp32:
//
//   kRms    y = x inverse (1 + scale),             inverse = 1 / sqrt(mean(x^2) + 1e-6)           recurrentgemma
//   RMSNorm kLayer  y = (x - mean) inverse scale + bias,   inverse = 1 / sqrt(mean((x - mean)^2) + 1e-6)  Flax
//   LayerNorm
//
// All tensors are contiguous.
#pragma once

#include <cstdint>

#include "kernels/element.h"

namespace trecvit::kernels {

inline constexpr double kNormEpsilon = 1e-6;

enum class NormKind { kRms, kLayer };

template <class Io>
struct NormInputs {
  NormKind kind = NormKind::kLayer;
  std::int64_t rows = 0, channels = 0;  // M, C; both at least 1
  const Io* x = nullptr;                // [M, C]
  const Wide<Io>* scale = nullptr;      // [C]
  const Wide<Io>* bias = nullptr;       // [C]; kLayer alone
};

template <class Io>
struct NormForward : NormInputs<Io> {
  Io* y = nullptr;              // [M, C]
  Wide<Io>* mean = nullptr;     // [M], for backward; null for kRms, and where inverse is
  Wide<Io>* inverse = nullptr;  // [M], for backward; null: not kept
};

// Writes every gradient anew. dskip is the gradient that reaches x past the norm, by a residual connection: dx has it
// added. y can be asked for again, so that nobody need keep it.
template <class Io>
struct NormBackward : NormInputs<Io> {
  const Wide<Io>* mean = nullptr;     // [M] from forward; kLayer alone
  const Wide<Io>* inverse = nullptr;  // [M] from forward
  const Io* dy = nullptr;             // [M, C]
  const Io* dskip = nullptr;          // [M, C]; null: zeros
  Io* dx = nullptr;                   // [M, C]; may be dy or dskip
  Io* y = nullptr;                    // [M, C]; null: not wanted
  Wide<Io>* dscale = nullptr;         // [C]
  Wide<Io>* dbias = nullptr;          // [C]; kLayer alone
  Wide<Io>* partials = nullptr;       // scratch of the device's own size
};

}  // namespace trecvit::kernels
