// The products of lines.cuh by a warpgroup (kernels/warpgroup.cuh), for D 64 and 128: both operands in shared memory,
// or weights in registers.
#pragma once

#include "kernels/forgetting_attention/lines.cuh"
#include "kernels/spatial_attention/warpgroup.cuh"

namespace trecvit::kernels {

// sums (+)= a b', 64x16 by 16x64: a and b are 16 columns of 64 rows.
__device__ __forceinline__ void multiply_transposed(float (&sums)[8][4], std::uint64_t a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, "
      "%24, %25, %26, %27, %28, %29, %30, %31}, "
      "%32, %33, add, 1, 1, 0, 0;\n}\n"
      : TRECVIT_SUMS(sums[0]), TRECVIT_SUMS(sums[1]), TRECVIT_SUMS(sums[2]), TRECVIT_SUMS(sums[3]),
        TRECVIT_SUMS(sums[4]), TRECVIT_SUMS(sums[5]), TRECVIT_SUMS(sums[6]), TRECVIT_SUMS(sums[7])
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}

template <int D>
struct GroupProducts {
  using Io = Bf16;
  using Lines = LineTile<Bf16, D>;
  static constexpr int kWidth = D, kStages = 2;
  static_assert(D == 64 || D == 128);

  static __device__ __forceinline__ void multiply_transposed(float (&s)[8][4], std::uint32_t a, std::uint32_t b) {
    begin_products();
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
      const int at = k / 4 * Lines::kPanelBytes + k % 4 * 32;
      kernels::multiply_transposed(s, describe(a + at), describe(b + at), /*add=*/k > 0);
    }
    commit_products();
  }
  static __device__ __forceinline__ void add_product(float (&sums)[D / 8][4], const float (&weights)[8][4],
                                                     std::uint32_t b) {
    Fragment left[4];
#pragma unroll
    for (int t = 0; t < 4; ++t) left[t] = pack_a(weights + 2 * t);
    begin_products();
#pragma unroll
    for (int t = 0; t < 4; ++t) {
#pragma unroll
      for (int panel = 0; panel < Lines::kPanels; ++panel) {
        const std::uint32_t at = b + panel * Lines::kPanelBytes + t * kTileRows * Lines::kRowBytes;
        multiply(reinterpret_cast<float(&)[8][4]>(sums[8 * panel]), left[t], describe(at), /*add=*/true);
      }
    }
    commit_products();
  }
  static __device__ __forceinline__ void share() { share_copies(); }
  template <int kCount>
  static __device__ __forceinline__ void wait(float (&sums)[kCount][4]) {
    wait_for_products(sums);
  }
};

}  // namespace trecvit::kernels
