#include <gtest/gtest.h>

#include "spatial_attention_problem.h"

namespace trecvit::kernels {
namespace {

// Im f(v + i e) / e is the derivative without cancellation.
TEST(SpatialAttentionReference, GradientsMatchTheComplexStep) {
  using Complex = std::complex<double>;
  const SpatialAttentionProblem<float> problem({.frames = 2, .tokens = 5, .heads = 2, .head_width = 3});
  const SpatialAttentionShape& shape = problem.shape;
  std::vector<Complex> qkv(problem.qkv.exact.begin(), problem.qkv.exact.end()), out(shape.out_size());
  SpatialAttentionForward<Complex> f;
  shape.point(f);
  f.qkv = qkv.data(), f.out = out.data();
  constexpr double kStep = 1e-30;
  for (std::size_t n = 0; n < qkv.size(); ++n) {
    const Complex before = qkv[n];
    qkv[n] += Complex(0, kStep);
    reference::spatial_attention_forward(f);
    qkv[n] = before;
    double slope = 0;
    for (std::size_t m = 0; m < out.size(); ++m) slope += problem.dout.exact[m] * out[m].imag() / kStep;
    EXPECT_NEAR(problem.dqkv[n], slope, 1e-12) << "element " << n;
  }
}

TEST(SpatialAttentionReference, EqualKeysAverageTheValues) {
  constexpr std::int64_t kTokens = 4, kWidth = 2;
  std::vector<double> qkv(kTokens * 3 * kWidth), out(kTokens * kWidth), lse(kTokens);
  for (std::int64_t token = 0; token < kTokens; ++token) {
    double* q = qkv.data() + token * 3 * kWidth;
    q[0] = static_cast<double>(token), q[1] = -1.0;
    q[2] = q[3] = 0.5;
    q[4] = static_cast<double>(token), q[5] = 1.0;
  }
  SpatialAttentionForward<double> f;
  f.frames = 1, f.tokens = kTokens, f.heads = 1, f.head_width = kWidth;
  f.qkv = qkv.data(), f.out = out.data(), f.lse = lse.data();
  reference::spatial_attention_forward(f);
  for (std::int64_t token = 0; token < kTokens; ++token) {
    EXPECT_DOUBLE_EQ(out[token * kWidth], 1.5);
    EXPECT_DOUBLE_EQ(out[token * kWidth + 1], 1.0);
    const double logit = 0.5 * (static_cast<double>(token) - 1.0) / std::sqrt(2.0);
    EXPECT_DOUBLE_EQ(lse[token], logit + std::log(4.0));
  }
}

}  // namespace
}  // namespace trecvit::kernels
