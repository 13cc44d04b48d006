// The form of the matrix product for few rows, such as the tokens of one video's frame, on Hopper.
#pragma once

#include <cuda_runtime.h>

#include "kernels/matmul/params.h"

namespace trecvit::kernels {

// Enqueues a product if it serves it, which it then does faster than cuBLASLt; otherwise false, with nothing enqueued.
// It serves one product of bf16, A and B as they are, with weights that are old; columns and inner dimension multiples
// of 64, rows of all matrices at multiples of 16 bytes; no aux, no slope; up to 408 rows, and so many columns that the
// multiprocessors finish in one go (on an H100 3,072 columns of 272 rows); on compute capability 9.0, in a build with
// code for 90a. May be captured into a graph; starts early (Note [Early starts] in device.cuh).
bool skinny_gemm_cuda(const MatmulParams<Bf16, Bf16>& params, cudaStream_t stream);

}  // namespace trecvit::kernels
