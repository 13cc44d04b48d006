// The whole recurrent unit as one kernel for CUDA devices of compute capability 8.0 and up. Deterministic.
#pragma once

#include <cuda_runtime.h>

#include "kernels/recurrent_unit/params.h"

namespace trecvit::kernels {

// Whether the kernel serves these arguments on the current device: D 64 or 128, and every tensor that is there already
// 16-byte aligned, but for those of the convolution and a_param.
bool recurrent_unit_served_cuda(const RecurrentUnitForward<Bf16>& params);

// Whether it is also expected to be faster than the unit's parts one by one: for one frame, or with rows enough.
bool recurrent_unit_pays_cuda(const RecurrentUnitForward<Bf16>& params);

// Only enqueues work on `stream`; may start early (Note [Early starts] in device.cuh). It reads gates, conv_state, ring
// and h0 before it waits, so the kernel just before it on the stream must not be what wrote them, unless that one is
// launched plainly.
void recurrent_unit_forward_cuda(const RecurrentUnitForward<Bf16>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
