// Norms of rows on the CPU: params.h says what they compute. A caller spreads tiles over threads.
#pragma once

#include "kernels/cpu_level.h"
#include "kernels/norm/params.h"

namespace trecvit::kernels {

// Tiles of kNormTileRows rows, independent of one another; their size is fixed, so that no result depends on the number
// of threads.
inline constexpr std::int64_t kNormTileRows = 32;
std::int64_t norm_cpu_tiles(std::int64_t rows);

// Elements that NormBackward::partials must have on the CPU.
std::int64_t norm_cpu_partials(std::int64_t rows, std::int64_t channels);

// Io: float or Bf16. Runs tiles [begin, end).
template <class Io>
void norm_forward_cpu(const NormForward<Io>& params, std::int64_t begin, std::int64_t end,
                      CpuLevel level = cpu_level());

// Everything but dscale and dbias, which norm_reduce_cpu() makes once all tiles are done.
template <class Io>
void norm_backward_cpu(const NormBackward<Io>& params, std::int64_t begin, std::int64_t end,
                       CpuLevel level = cpu_level());
template <class Io>
void norm_reduce_cpu(const NormBackward<Io>& params);

}  // namespace trecvit::kernels
