#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "fixtures.h"
#include "gpu_buffer.h"
#include "kernels/matmul/matmul_cuda.h"
#include "kernels/matmul/reference.h"

namespace trecvit::kernels {
namespace {

struct Shape {
  std::int64_t rows, columns, inner;
};
constexpr Shape kShapes[] = {{1, 8, 8}, {3, 24, 40}, {197, 96, 64}, {130, 256, 136}, {1000, 64, 32}};
// Where another of the library's candidates than its first may be taken: one wave of small tiles, and many waves.
constexpr Shape kChosen[] = {{788, 768, 768}, {8000, 4096, 16}};

// The product of random matrices with everything that `epilogue` wants, on the GPU and by the reference; every output
// poisoned, within `tolerance`, and the same bits when run again.
template <class In, class Out>
void expect_matches(const Shape& shape, MatmulEpilogue epilogue, bool transpose_a, bool transpose_b, bool add,
                    double tolerance) {
  SCOPED_TRACE(testing::Message() << shape.rows << "x" << shape.columns << "x" << shape.inner << " epilogue "
                                  << static_cast<int>(epilogue) << " transposed " << transpose_a << transpose_b);
  const std::int64_t all = shape.rows * shape.columns;
  const bool keeps_argument = epilogue == MatmulEpilogue::kBiasGelu && !add,
             slope = epilogue == MatmulEpilogue::kGeluSlope;
  Rng rng(5);
  const auto a = random_numbers<In>(shape.rows * shape.inner, rng, 1.0);
  const auto b = random_numbers<In>(shape.inner * shape.columns, rng, 0.2);
  const auto c = random_numbers<Out>(all, rng, 1.0), argument = random_numbers<Out>(all, rng, 1.5);
  const auto bias = random_numbers<Out>(shape.columns, rng, 1.0);
  const auto fill = [&](auto& p, const auto* a_data, const auto* b_data, const auto* c_data, const auto* bias_data) {
    p.rows = shape.rows, p.columns = shape.columns, p.inner = shape.inner, p.epilogue = epilogue;
    p.weights_are_old = true;
    p.transpose_a = transpose_a, p.transpose_b = transpose_b;
    p.a = {a_data, transpose_a ? shape.rows : shape.inner};
    p.b = {b_data, transpose_b ? shape.inner : shape.columns};
    p.d.stride = shape.columns;
    if (add) p.c = {c_data, shape.columns};
    if (epilogue == MatmulEpilogue::kBias || epilogue == MatmulEpilogue::kBiasGelu) p.bias = bias_data;
  };

  std::vector<double> d(all), aux = argument.exact;
  MatmulParams<double, double> exact;
  fill(exact, a.exact.data(), b.exact.data(), c.exact.data(), bias.exact.data());
  exact.d.data = d.data();
  if (keeps_argument || slope) exact.aux = aux.data();
  reference::matmul(exact);

  std::vector<Out> first;
  for (int repeat = 0; repeat < 2; ++repeat) {
    OnDevice device;
    std::vector<Out> ours = poisoned<Out>(all), ours_aux = slope ? argument.io : poisoned<Out>(all);
    MatmulParams<In, Out> p;
    fill(p, device.in(a.io.data(), a.io.size()), device.in(b.io.data(), b.io.size()),
         device.in(c.io.data(), c.io.size()), device.in(bias.io.data(), bias.io.size()));
    p.d.data = device.out(ours.data(), all);
    if (keeps_argument || slope) p.aux = device.out(ours_aux.data(), all);
    std::vector<char> workspace(kMatmulWorkspace);
    ASSERT_TRUE(matmul_cuda(p, device.out(workspace.data(), workspace.size()), nullptr));
    device.finish();
    EXPECT_LE(worst_error(ours, d), tolerance);
    if (keeps_argument) {
      EXPECT_LE(worst_error(ours_aux, aux), tolerance);
    }
    if (repeat == 0) first = ours;
    EXPECT_EQ(0, std::memcmp(first.data(), ours.data(), all * sizeof(Out)));
  }
}

// The three products of a linear map, with the epilogues that src/ops asks for.
TEST(GpuMatmul, MatchesTheReference) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (const Shape& shape : kShapes) {
    for (const bool add : {false, true}) {
      expect_matches<float, float>(shape, MatmulEpilogue::kBias, false, false, add, 1e-5);
      expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kBias, false, false, add, 1e-2);
    }
    expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kBiasGelu, false, false, false, 1e-2);
    expect_matches<float, float>(shape, MatmulEpilogue::kNone, false, true, false, 1e-5);
    expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kNone, false, true, false, 1e-2);
    expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kGeluSlope, false, true, false, 1e-2);
    if (shape.rows % 8 != 0) continue;  // transposed, they are the stride of A
    expect_matches<float, float>(shape, MatmulEpilogue::kNone, true, false, false, 1e-5);
    expect_matches<Bf16, float>(shape, MatmulEpilogue::kNone, true, false, false, 1e-5);
  }
}

// The sizes of the form for few rows, and next to them; see kernels/matmul/skinny_gemm.h.
TEST(GpuMatmul, SkinnyGemmMatchTheReference) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  constexpr Shape shapes[] = {{1, 64, 64},     {17, 128, 192}, {65, 64, 64},    {72, 192, 128},  {105, 64, 192},
                              {197, 2304, 64}, {197, 64, 768}, {197, 192, 768}, {208, 64, 1536}, {197, 64, 3072},
                              {257, 128, 320}, {272, 64, 64},  {413, 128, 64}};
  for (const Shape& shape : shapes) {
    expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kNone, false, false, false, 1e-2);
    expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kBias, false, false, true, 1e-2);
    expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kBiasGelu, false, false, true, 1e-2);
  }
}

TEST(GpuMatmul, MatchesTheReferenceWhereItChooses) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (const Shape& shape : kChosen) {
    expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kBias, false, false, /*add=*/true, 1e-2);
    expect_matches<Bf16, Bf16>(shape, MatmulEpilogue::kNone, false, true, /*add=*/false, 1e-2);
  }
}

}  // namespace
}  // namespace trecvit::kernels
#endif
