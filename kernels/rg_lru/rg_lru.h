// RG-LRU kernels: params.h says what they compute. Knows no threads on the CPU: a caller spreads tiles over its own.
#pragma once

#include "kernels/cpu_level.h"
#include "kernels/rg_lru/params.h"

namespace trecvit::kernels {

// Tiles of kRgLruTileRows x kRgLruTileChannels (rows outermost) are independent and may run in any order on any
// threads. Their size is fixed, so that no result depends on the number of threads.
inline constexpr std::int64_t kRgLruTileRows = 8;
inline constexpr std::int64_t kRgLruTileChannels = 512;
std::int64_t rg_lru_cpu_tiles(std::int64_t rows, std::int64_t channels);

// Elements that RgLruBackward::partials must have on the CPU.
std::int64_t rg_lru_cpu_partials(std::int64_t rows, std::int64_t channels);

// Io: float or Bf16. Runs tiles [begin, end).
template <class Io>
void rg_lru_forward_cpu(const RgLruForward<Io>& params, std::int64_t begin, std::int64_t end,
                        CpuLevel level = cpu_level());

// Everything but dinput_bias, da_bias and da_param, which rg_lru_reduce_cpu() makes once all tiles are done.
template <class Io>
void rg_lru_backward_cpu(const RgLruBackward<Io>& params, std::int64_t begin, std::int64_t end,
                         CpuLevel level = cpu_level());
template <class Io>
void rg_lru_reduce_cpu(const RgLruBackward<Io>& params);

}  // namespace trecvit::kernels
