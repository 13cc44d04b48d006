// The running mean of streams on CUDA devices. Deterministic.
#pragma once

#include <cuda_runtime.h>

#include "kernels/element.h"
#include "kernels/running_mean/params.h"

namespace trecvit::kernels {

// Only enqueues work on `stream`; may start early (Note [Early starts] in device.cuh). Io: float, Bf16.
template <class Io>
void running_mean_cuda(const RunningMean<Io>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
