// Differences of GPUs before compute capability 8.0, and of newer ones that TRECVIT_ARCHITECTURE makes act like them.
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
