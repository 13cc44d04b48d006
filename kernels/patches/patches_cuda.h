// Patches on CUDA devices of compute capability 7.5 and up: only enqueues work on `stream`.
#pragma once

#include <cuda_runtime.h>

#include "kernels/patches/params.h"

namespace trecvit::kernels {

// Io: float or Bf16.
template <class Io>
void patches_cuda(const PatchesParams<Io>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
