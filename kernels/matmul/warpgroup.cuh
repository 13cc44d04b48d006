// Products of few rows by a warpgroup (kernels/warpgroup.cuh), both operands in shared memory:
// sums (+)= a b', 64x16 by 16 x 8 kGroups, where a lies as its 16 rows of 64, b as its 8 kGroups rows of 64 columns, of
// which these are 16.
#pragma once

#include "kernels/warpgroup.cuh"

namespace trecvit::kernels {

__device__ __forceinline__ void multiply_transposed(float (&sums)[9][4], std::uint64_t a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %38, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n72k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, "
      "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35}, "
      "%36, %37, add, 1, 1, 1, 0;\n}\n"
      : TRECVIT_SUMS(sums[0]), TRECVIT_SUMS(sums[1]), TRECVIT_SUMS(sums[2]), TRECVIT_SUMS(sums[3]),
        TRECVIT_SUMS(sums[4]), TRECVIT_SUMS(sums[5]), TRECVIT_SUMS(sums[6]), TRECVIT_SUMS(sums[7]),
        TRECVIT_SUMS(sums[8])
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}

__device__ __forceinline__ void multiply_transposed(float (&sums)[13][4], std::uint64_t a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %54, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n104k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, "
      "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, "
      "%42, %43, %44, %45, %46, %47, %48, %49, %50, %51}, "
      "%52, %53, add, 1, 1, 1, 0;\n}\n"
      : TRECVIT_SUMS(sums[0]), TRECVIT_SUMS(sums[1]), TRECVIT_SUMS(sums[2]), TRECVIT_SUMS(sums[3]),
        TRECVIT_SUMS(sums[4]), TRECVIT_SUMS(sums[5]), TRECVIT_SUMS(sums[6]), TRECVIT_SUMS(sums[7]),
        TRECVIT_SUMS(sums[8]), TRECVIT_SUMS(sums[9]), TRECVIT_SUMS(sums[10]), TRECVIT_SUMS(sums[11]),
        TRECVIT_SUMS(sums[12])
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}

__device__ __forceinline__ void multiply_transposed(float (&sums)[17][4], std::uint64_t a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %70, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n136k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, "
      "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, "
      "%42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, "
      "%62, %63, %64, %65, %66, %67}, "
      "%68, %69, add, 1, 1, 1, 0;\n}\n"
      : TRECVIT_SUMS(sums[0]), TRECVIT_SUMS(sums[1]), TRECVIT_SUMS(sums[2]), TRECVIT_SUMS(sums[3]),
        TRECVIT_SUMS(sums[4]), TRECVIT_SUMS(sums[5]), TRECVIT_SUMS(sums[6]), TRECVIT_SUMS(sums[7]),
        TRECVIT_SUMS(sums[8]), TRECVIT_SUMS(sums[9]), TRECVIT_SUMS(sums[10]), TRECVIT_SUMS(sums[11]),
        TRECVIT_SUMS(sums[12]), TRECVIT_SUMS(sums[13]), TRECVIT_SUMS(sums[14]), TRECVIT_SUMS(sums[15]),
        TRECVIT_SUMS(sums[16])
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}

}  // namespace trecvit::kernels
