// RMSNorm kernels: params.h says what they compute. On the CPU a caller spreads tiles over threads.
#pragma once

#include "kernels/cpu_level.h"
#include "kernels/rms_norm/params.h"

namespace trecvit::kernels {

// Tiles of kRmsNormTileRows rows, independent of one another; their size is fixed, so that no result depends on the
// number of threads.
inline constexpr std::int64_t kRmsNormTileRows = 32;
std::int64_t rms_norm_cpu_tiles(std::int64_t rows);

// Elements that RmsNormBackward::partials must have on the CPU.
std::int64_t rms_norm_cpu_partials(std::int64_t rows, std::int64_t channels);

// Io: float or Bf16. Runs tiles [begin, end).
template <class Io>
void rms_norm_forward_cpu(const RmsNormForward<Io>& params, std::int64_t begin, std::int64_t end,
                          CpuLevel level = cpu_level());

// Everything but dscale, which rms_norm_reduce_cpu() makes once all tiles are done.
template <class Io>
void rms_norm_backward_cpu(const RmsNormBackward<Io>& params, std::int64_t begin, std::int64_t end,
                           CpuLevel level = cpu_level());
template <class Io>
void rms_norm_reduce_cpu(const RmsNormBackward<Io>& params);

}  // namespace trecvit::kernels
