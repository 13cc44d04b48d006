#include <gtest/gtest.h>

#include <complex>
#include <vector>

#include "fixtures.h"
#include "kernels/rg_lru/reference.h"

namespace trecvit::kernels {
namespace {

constexpr std::int64_t kFrames = 5, kRows = 3, kChannels = 2, kCells = kRows * kChannels, kAll = kFrames * kCells;

// Arguments and outputs of one call, for scalars double and complex<double>.
template <class S>
struct Problem {
  // x, input_logits, a_logits, y, input_bias, a_bias, a_param, h0
  std::vector<std::vector<S>> arguments;
  std::vector<std::uint8_t> reset;
  std::vector<S> out = std::vector<S>(kAll), h = std::vector<S>(kAll), h_last = std::vector<S>(kCells);
  bool gated = true;

  template <class Params>
  void point(Params& p) const {
    p.frames = kFrames, p.rows = kRows, p.channels = kChannels;
    p.x = arguments[0].data(), p.input_logits = arguments[1].data(), p.a_logits = arguments[2].data();
    p.y = gated ? arguments[3].data() : nullptr;
    p.y_stride = kChannels;
    p.input_bias = arguments[4].data(), p.a_bias = arguments[5].data(), p.a_param = arguments[6].data();
    p.h0 = arguments[7].data();
    p.reset = reset.data();
  }

  void run() {
    RgLruForward<S> p;
    point(p);
    p.out = out.data(), p.h = h.data(), p.h_last = h_last.data();
    reference::rg_lru_forward(p);
  }
};

Problem<double> random_problem(bool gated) {
  Rng rng(1);
  Problem<double> problem;
  problem.gated = gated;
  for (std::int64_t count : {kAll, kAll, kAll, kAll, kChannels, kChannels, kChannels, kCells}) {
    problem.arguments.push_back(random_numbers<float>(count, rng, 1.0).exact);
  }
  problem.reset.assign(kFrames * kRows, 0);
  problem.reset[0] = 1;              // row 0 begins
  problem.reset[2 * kRows + 1] = 1;  // row 1 begins in the middle
  return problem;
}

class RgLruReference : public testing::TestWithParam<bool> {};

// Im f(v + i e) / e is the derivative without cancellation.
TEST_P(RgLruReference, GradientsMatchTheComplexStep) {
  using Complex = std::complex<double>;
  Problem<double> problem = random_problem(GetParam());
  problem.run();
  Rng rng(2);
  const auto dout = random_numbers<float>(kAll, rng, 1.0).exact,
             dh_last = random_numbers<float>(kCells, rng, 1.0).exact;

  std::vector<std::vector<double>> gradients;
  for (const auto& argument : problem.arguments) gradients.emplace_back(argument.size(), 0.0);
  RgLruBackward<double> p;
  problem.point(p);
  p.h = problem.h.data(), p.dout = dout.data(), p.dh_last = dh_last.data();
  p.dx = gradients[0].data(), p.dinput_logits = gradients[1].data(), p.da_logits = gradients[2].data();
  p.dy = GetParam() ? gradients[3].data() : nullptr;
  p.dy_stride = kChannels;
  p.dinput_bias = gradients[4].data(), p.da_bias = gradients[5].data(), p.da_param = gradients[6].data();
  p.dh0 = gradients[7].data();
  reference::rg_lru_backward(p);

  Problem<Complex> moved;
  moved.reset = problem.reset;
  moved.gated = GetParam();
  for (const auto& argument : problem.arguments) moved.arguments.emplace_back(argument.begin(), argument.end());
  constexpr double kStep = 1e-30;
  for (std::size_t k = 0; k < moved.arguments.size(); ++k) {
    for (std::size_t n = 0; n < moved.arguments[k].size(); ++n) {
      moved.arguments[k][n] += Complex(0, kStep);
      moved.run();
      double slope = 0;
      for (std::int64_t at = 0; at < kAll; ++at) slope += dout[at] * moved.out[at].imag() / kStep;
      for (std::int64_t at = 0; at < kCells; ++at) slope += dh_last[at] * moved.h_last[at].imag() / kStep;
      EXPECT_NEAR(gradients[k][n], slope, 1e-12) << "argument " << k << ", element " << n;
      moved.arguments[k][n] = problem.arguments[k][n];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Gated, RgLruReference, testing::Bool());

// log_a is so near 0 that 1/(2 sqrt(1 - a^2)) passes 1000.
TEST(RgLruReferenceEdge, SquareRootGradientIsBounded) {
  const double x = 1, logit = 0, a_logit = -18, zero = 0, a_param = 0, dout = 1;
  double out, h, h_last, dx, di, da, dbi, dba, dap, dh0;
  RgLruForward<double> f;
  f.frames = f.rows = f.channels = 1;
  f.x = &x, f.input_logits = &logit, f.a_logits = &a_logit, f.input_bias = f.a_bias = &zero, f.a_param = &a_param;
  f.out = &out, f.h = &h, f.h_last = &h_last;
  reference::rg_lru_forward(f);
  RgLruBackward<double> b;
  static_cast<RgLruInputs<double>&>(b) = f;
  b.h = &h, b.dout = &dout, b.dx = &dx, b.dinput_logits = &di, b.da_logits = &da, b.dinput_bias = &dbi;
  b.da_bias = &dba, b.da_param = &dap, b.dh0 = &dh0;
  reference::rg_lru_backward(b);
  const double r = 1 / (1 + std::exp(18.0)), log_a = -8 * r * std::log(2.0), a2 = std::exp(2 * log_a);
  ASSERT_LT(1 - a2, 2.5e-7);
  const double u = 2.5e-7;
  EXPECT_NEAR(h, std::sqrt(-std::expm1(2 * log_a)) * 0.5, 1e-12);
  EXPECT_NEAR(da, -0.5 * a2 / std::sqrt(u) * log_a * (1 - r), 1e-9);
}

}  // namespace
}  // namespace trecvit::kernels
