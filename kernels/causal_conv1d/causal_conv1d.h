// Causal depthwise convolution kernels: params.h says what they compute. On the CPU a caller spreads tiles over
// threads.
#pragma once

#include "kernels/causal_conv1d/params.h"
#include "kernels/cpu_level.h"

namespace trecvit::kernels {

// Tiles of kConvTileRows rows and all channels, independent of one another; their size is fixed, so that no result
// depends on the number of threads.
inline constexpr std::int64_t kConvTileRows = 8;
std::int64_t causal_conv1d_cpu_tiles(std::int64_t rows);

// Elements that CausalConv1dBackward::partials must have on the CPU.
std::int64_t causal_conv1d_cpu_partials(std::int64_t rows, std::int64_t channels);

// Io: float or Bf16. Runs tiles [begin, end).
template <class Io>
void causal_conv1d_forward_cpu(const CausalConv1dForward<Io>& params, std::int64_t begin, std::int64_t end,
                               CpuLevel level = cpu_level());

// Everything but dw and db, which causal_conv1d_reduce_cpu() makes once all tiles are done.
template <class Io>
void causal_conv1d_backward_cpu(const CausalConv1dBackward<Io>& params, std::int64_t begin, std::int64_t end,
                                CpuLevel level = cpu_level());
template <class Io>
void causal_conv1d_reduce_cpu(const CausalConv1dBackward<Io>& params);

}  // namespace trecvit::kernels
