// Stream positions on CUDA devices.
#pragma once

#include <cuda_runtime.h>

#include "kernels/stream_positions/params.h"

namespace trecvit::kernels {

// Only enqueues work on `stream`; may start early (Note [Early starts] in device.cuh).
void stream_positions_cuda(const StreamPositionsParams& params, cudaStream_t stream);

}  // namespace trecvit::kernels
