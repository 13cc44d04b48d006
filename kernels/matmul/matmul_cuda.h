// Matrix products on CUDA devices: by cuBLASLt, whose epilogues save a pass over D each, and of few rows by a kernel of
// ours (skinny_gemm.h).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/matmul/params.h"

namespace trecvit::kernels {

inline constexpr std::size_t kMatmulWorkspace = std::size_t{32} << 20;  // bytes of device memory

// Enqueues the product on `stream`. False, with nothing enqueued, when the library has no algorithm for these sizes,
// strides and this epilogue. The algorithm follows from them and from the alignment of the pointers alone, so results
// repeat bit for bit. `workspace` holds kMatmulWorkspace bytes until the product is done.
// In, Out: float, float; Bf16, Bf16; Bf16, float. Error: anything else that cuBLASLt reports.
template <class In, class Out>
bool matmul_cuda(const MatmulParams<In, Out>& params, void* workspace, cudaStream_t stream);

}  // namespace trecvit::kernels
