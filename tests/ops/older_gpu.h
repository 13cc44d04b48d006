// What GPUs before compute capability 8.0 do otherwise, or a newer one that TRECVIT_ARCHITECTURE makes do so.
#pragma once

#ifdef TRECVIT_TORCH_CUDA
#include "kernels/architecture.h"
#endif

namespace trecvit::ops {

// They leave products and attention in bf16 to LibTorch.
inline bool older_than_ampere() {
#ifdef TRECVIT_TORCH_CUDA
  return kernels::architecture() < 80;
#else
  return false;
#endif
}

}  // namespace trecvit::ops
