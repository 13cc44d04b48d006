#include <gtest/gtest.h>

#include <tuple>

#include "causal_conv1d_problem.h"

namespace trecvit::kernels {
namespace {

template <class Io>
struct OnCpu {
  CpuLevel level;
  void forward(const CausalConv1dForward<Io>& p) const {
    causal_conv1d_forward_cpu(p, 0, causal_conv1d_cpu_tiles(p.rows), level);
  }
  void backward(CausalConv1dBackward<Io> p) const {
    std::vector<float> partials = poisoned<float>(causal_conv1d_cpu_partials(p.rows, p.channels));
    p.partials = partials.data();
    for (std::int64_t tile = causal_conv1d_cpu_tiles(p.rows) - 1; tile >= 0; --tile) {
      causal_conv1d_backward_cpu(p, tile, tile + 1, level);
    }
    causal_conv1d_reduce_cpu(p);
  }
};

class CausalConv1dCpu : public testing::TestWithParam<std::tuple<CpuLevel, ConvCase>> {
 protected:
  void SetUp() override {
    if (std::get<0>(GetParam()) > cpu_level()) GTEST_SKIP() << "this processor lacks the instruction set";
  }
};

TEST_P(CausalConv1dCpu, Fp32MatchesTheReference) {
  const auto& [level, shape] = GetParam();
  expect_conv_matches<float>(shape, OnCpu<float>{level}, 1e-6);
}

TEST_P(CausalConv1dCpu, Bf16MatchesTheReference) {
  const auto& [level, shape] = GetParam();
  expect_conv_matches<Bf16>(shape, OnCpu<Bf16>{level}, 5e-3);
}

INSTANTIATE_TEST_SUITE_P(Levels, CausalConv1dCpu,
                         testing::Combine(testing::Values(CpuLevel::kBaseline, CpuLevel::kAvx2, CpuLevel::kAvx512),
                                          testing::Values(ConvCase{1, 1, 1}, ConvCase{1, 9, 24}, ConvCase{2, 3, 5},
                                                          ConvCase{3, 17, 33, /*state=*/false},
                                                          ConvCase{16, 9, 40, /*state=*/true, /*strided=*/true},
                                                          ConvCase{129, 2, 7})));

// The sequence 1, 2, 3, 4 under the weights 1000, 100, 10, 1 shows which frame meets which weight.
TEST(CausalConv1dReference, NewestFrameMeetsTheLastWeight) {
  const std::vector<double> z{1, 2, 3, 4}, w{1000, 100, 10, 1};
  const double b = 0.5;
  std::vector<double> out(4), state(3);
  CausalConv1dForward<double> p;
  p.frames = 4, p.rows = p.channels = p.z_stride = 1;
  p.z = z.data(), p.w = w.data(), p.b = &b, p.out = out.data(), p.state_out = state.data();
  reference::causal_conv1d_forward(p);
  EXPECT_EQ(out, (std::vector<double>{1.5, 12.5, 123.5, 1234.5}));
  EXPECT_EQ(state, (std::vector<double>{2, 3, 4}));
}

// The convolution is linear in each argument, so a difference over any step is the derivative.
TEST(CausalConv1dReference, GradientsMatchDifferences) {
  constexpr std::int64_t kFrames = 2, kRows = 2, kChannels = 2, kAll = kFrames * kRows * kChannels;
  constexpr std::int64_t kKept = kRows * kConvState * kChannels;
  Rng rng(3);
  std::vector<std::vector<double>> arguments, gradients;  // z, w, b, state
  for (std::int64_t count : {kAll, kConvWidth * kChannels, kChannels, kKept}) {
    arguments.push_back(random_numbers<float>(count, rng, 1.0).exact);
    gradients.emplace_back(count);
  }
  const auto dout = random_numbers<float>(kAll, rng, 1.0).exact, dstate = random_numbers<float>(kKept, rng, 1.0).exact;
  CausalConv1dForward<double> f;
  f.frames = kFrames, f.rows = kRows, f.channels = f.z_stride = kChannels;
  f.z = arguments[0].data(), f.w = arguments[1].data(), f.b = arguments[2].data(), f.state = arguments[3].data();
  std::vector<double> out(kAll), state(kKept);
  f.out = out.data(), f.state_out = state.data();
  const auto loss = [&] {
    reference::causal_conv1d_forward(f);
    double sum = 0;
    for (std::int64_t n = 0; n < kAll; ++n) sum += out[n] * dout[n];
    for (std::int64_t n = 0; n < kKept; ++n) sum += state[n] * dstate[n];
    return sum;
  };
  CausalConv1dBackward<double> b;
  static_cast<CausalConv1dInputs<double>&>(b) = f;
  b.dout = dout.data(), b.dstate_out = dstate.data(), b.dz_stride = kChannels;
  b.dz = gradients[0].data(), b.dw = gradients[1].data(), b.db = gradients[2].data(), b.dstate = gradients[3].data();
  reference::causal_conv1d_backward(b);
  for (std::size_t k = 0; k < arguments.size(); ++k) {
    for (std::size_t n = 0; n < arguments[k].size(); ++n) {
      const double before = loss(), kept = arguments[k][n];
      arguments[k][n] = kept + 1;
      EXPECT_NEAR(gradients[k][n], loss() - before, 1e-12) << "argument " << k << ", element " << n;
      arguments[k][n] = kept;
    }
  }
}

}  // namespace
}  // namespace trecvit::kernels
