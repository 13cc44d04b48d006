#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "causal_conv1d_problem.h"
#include "gpu_buffer.h"
#include "kernels/causal_conv1d/causal_conv1d_cuda.h"

namespace trecvit::kernels {
namespace {

template <class Io>
struct OnGpu {
  template <class Params>
  static Params moved(OnDevice& device, const Params& host) {
    Params p = host;
    p.z = device.in(p.z, p.frames * p.rows * p.z_stride);
    p.w = device.in(p.w, kConvWidth * p.channels), p.b = device.in(p.b, p.channels);
    p.state = device.in(p.state, p.rows * kConvState * p.channels);
    return p;
  }

  void forward(const CausalConv1dForward<Io>& host) const {
    OnDevice device;
    CausalConv1dForward<Io> p = moved(device, host);
    p.out = device.out(p.out, p.frames * p.rows * p.channels);
    p.state_out = device.out(p.state_out, p.rows * kConvState * p.channels);
    causal_conv1d_forward_cuda(p, nullptr);
    device.finish();
  }

  void backward(const CausalConv1dBackward<Io>& host) const {
    OnDevice device;
    CausalConv1dBackward<Io> p = moved(device, host);
    const std::int64_t r = p.channels, kept = p.rows * kConvState * r;
    p.dout = device.in(p.dout, p.frames * p.rows * r), p.dstate_out = device.in(p.dstate_out, kept);
    p.dz = device.out(p.dz, p.frames * p.rows * p.dz_stride), p.dstate = device.out(p.dstate, kept);
    p.dw = device.out(p.dw, kConvWidth * r), p.db = device.out(p.db, r);
    std::vector<float> partials = poisoned<float>(causal_conv1d_partials_cuda(p));
    p.partials = device.out(partials.data(), partials.size());
    causal_conv1d_backward_cuda(p, nullptr);
    device.finish();
  }
};

class GpuCausalConv1d : public testing::TestWithParam<ConvCase> {
 protected:
  void SetUp() override {
    if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  }
};

TEST_P(GpuCausalConv1d, Fp32MatchesTheReference) { expect_conv_matches<float>(GetParam(), OnGpu<float>{}, 1e-5); }
TEST_P(GpuCausalConv1d, Bf16MatchesTheReference) { expect_conv_matches<Bf16>(GetParam(), OnGpu<Bf16>{}, 1e-2); }

INSTANTIATE_TEST_SUITE_P(Shapes, GpuCausalConv1d,
                         testing::Values(ConvCase{1, 1, 1}, ConvCase{1, 197, 64}, ConvCase{2, 3, 5},
                                         ConvCase{3, 197, 48}, ConvCase{7, 9, 24, /*state=*/false},
                                         ConvCase{16, 17, 33}, ConvCase{33, 5, 264},
                                         ConvCase{129, 7, 16, /*state=*/true, /*strided=*/true}, ConvCase{129, 3, 31},
                                         ConvCase{3, 1031, 512}, ConvCase{1000, 3, 40}));

TEST(GpuCausalConv1dStream, StepsInPlaceGiveTheWholeClip) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  constexpr std::int64_t kFrames = 6, kRows = 11, kChannels = 24, kCells = kRows * kChannels;
  Rng rng(3);
  const auto z = random_numbers<float>(kFrames * kCells, rng, 1.0).io,
             w = random_numbers<float>(4 * kChannels, rng, 1.0).io;
  std::vector<float> whole = poisoned<float>(kFrames * kCells), steps = whole, last = poisoned<float>(3 * kCells);
  std::vector<float> state(3 * kCells, 0.0f);
  OnDevice device;
  CausalConv1dForward<float> p;
  p.frames = kFrames, p.rows = kRows, p.channels = p.z_stride = kChannels;
  p.z = device.in(z.data(), kFrames * kCells);
  p.w = p.b = device.in(w.data(), 4 * kChannels);
  p.out = device.out(whole.data(), kFrames * kCells);
  p.state_out = device.out(last.data(), 3 * kCells);
  causal_conv1d_forward_cuda(p, nullptr);
  p.out = device.out(steps.data(), kFrames * kCells);
  p.state_out = device.out(state.data(), 3 * kCells);
  p.state = p.state_out;
  p.frames = 1;
  for (std::int64_t t = 0; t < kFrames; ++t) {
    causal_conv1d_forward_cuda(p, nullptr);
    p.z += kCells, p.out += kCells;
  }
  device.finish();
  EXPECT_EQ(steps, whole);
  EXPECT_EQ(state, last);
}

}  // namespace
}  // namespace trecvit::kernels
#endif
