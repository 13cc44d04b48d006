// How large the grid of a CUDA launch may be (CUDA C++ Programming Guide, "Technical Specifications per Compute
// Capability"). Whatever grows with a tensor goes along x.
#pragma once

#include <cstdint>

namespace trecvit::kernels {

inline constexpr std::int64_t kMostBlocksX = 2147483647;
inline constexpr std::int64_t kMostBlocksY = 65535;  // and along z

}  // namespace trecvit::kernels
