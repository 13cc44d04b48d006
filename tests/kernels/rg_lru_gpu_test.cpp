#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "gpu_buffer.h"
#include "kernels/rg_lru/rg_lru_cuda.h"
#include "rg_lru_problem.h"

namespace trecvit::kernels {
namespace {

// chunk_frames 0: what the plan says.
template <class Io>
struct OnGpu {
  std::int64_t chunk_frames = 0;
  int vector = 0;

  RgLruPlan adjusted(RgLruPlan plan, std::int64_t frames) const {
    if (chunk_frames > 0) plan.chunk_frames = std::min(chunk_frames, frames);
    if (vector > 0) plan.vector = vector;
    return plan;
  }

  template <class Params>
  static Params moved(OnDevice& device, const Params& host) {
    Params p = host;
    const std::int64_t lines = p.frames * p.rows, all = lines * p.channels, r = p.channels;
    p.x = device.in(p.x, all), p.input_logits = device.in(p.input_logits, all), p.a_logits = device.in(p.a_logits, all);
    p.y = device.in(p.y, lines * p.y_stride);
    p.input_bias = device.in(p.input_bias, r), p.a_bias = device.in(p.a_bias, r), p.a_param = device.in(p.a_param, r);
    p.h0 = device.in(p.h0, p.rows * r);
    p.reset = device.in(p.reset, lines);
    return p;
  }

  void forward(const RgLruForward<Io>& host) const {
    OnDevice device;
    RgLruForward<Io> p = moved(device, host);
    const std::int64_t cells = p.rows * p.channels, all = p.frames * cells;
    p.out = device.out(p.out, all), p.h = device.out(p.h, all), p.h_last = device.out(p.h_last, cells);
    const RgLruPlan plan = adjusted(rg_lru_forward_plan_cuda(p), p.frames);
    std::vector<float> scratch = poisoned<float>(rg_lru_forward_scratch_cuda(p, plan));
    p.scratch = device.out(scratch.data(), scratch.size());
    rg_lru_forward_cuda(p, plan, nullptr);
    device.finish();
  }

  void backward(const RgLruBackward<Io>& host) const {
    OnDevice device;
    RgLruBackward<Io> p = moved(device, host);
    const std::int64_t r = p.channels, cells = p.rows * r, all = p.frames * cells;
    p.h = device.in(p.h, all), p.dout = device.in(p.dout, all), p.dh_last = device.in(p.dh_last, cells);
    p.dx = device.out(p.dx, all), p.dinput_logits = device.out(p.dinput_logits, all);
    p.da_logits = device.out(p.da_logits, all);
    p.dy = device.out(p.dy, p.frames * p.rows * p.dy_stride);
    p.dh0 = device.out(p.dh0, cells), p.dinput_bias = device.out(p.dinput_bias, r);
    p.da_bias = device.out(p.da_bias, r), p.da_param = device.out(p.da_param, r);
    const RgLruPlan plan = adjusted(rg_lru_backward_plan_cuda(p), p.frames);
    std::vector<float> partials = poisoned<float>(rg_lru_backward_partials_cuda(p, plan));
    p.partials = device.out(partials.data(), partials.size());
    rg_lru_backward_cuda(p, plan, nullptr);
    device.finish();
  }
};

class GpuRgLru : public testing::TestWithParam<RgLruCase> {
 protected:
  void SetUp() override {
    if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  }
};

TEST_P(GpuRgLru, Fp32MatchesTheReference) { expect_rg_lru_matches<float>(GetParam(), OnGpu<float>{}, 1e-5); }
TEST_P(GpuRgLru, Bf16MatchesTheReference) { expect_rg_lru_matches<Bf16>(GetParam(), OnGpu<Bf16>{}, 1e-2); }
TEST_P(GpuRgLru, Fp32SerialMatchesTheReference) {
  expect_rg_lru_matches<float>(GetParam(), OnGpu<float>{.chunk_frames = 1 << 20}, 1e-5);
}
TEST_P(GpuRgLru, Fp32InSmallChunksMatchesTheReference) {
  expect_rg_lru_matches<float>(GetParam(), OnGpu<float>{.chunk_frames = 5}, 1e-5);
}
TEST_P(GpuRgLru, Bf16InSmallChunksMatchesTheReference) {
  expect_rg_lru_matches<Bf16>(GetParam(), OnGpu<Bf16>{.chunk_frames = 5}, 1e-2);
}
TEST_P(GpuRgLru, EveryVectorWidthMatchesTheReference) {
  for (int vector : {1, 2, 4}) {
    if (GetParam().channels % vector != 0 || (GetParam().strided && vector > 1)) continue;
    expect_rg_lru_matches<float>(GetParam(), OnGpu<float>{.vector = vector}, 1e-5);
    expect_rg_lru_matches<Bf16>(GetParam(), OnGpu<Bf16>{.vector = vector}, 1e-2);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, GpuRgLru,
                         testing::Values(RgLruCase{1, 1, 1}, RgLruCase{1, 197, 64}, RgLruCase{2, 3, 5, /*gated=*/false},
                                         RgLruCase{3, 197, 48}, RgLruCase{7, 9, 24, true, /*h0=*/false},
                                         RgLruCase{16, 17, 33}, RgLruCase{33, 5, 264, true, true, /*reset=*/false},
                                         RgLruCase{33, 5, 264, /*gated=*/false},
                                         RgLruCase{129, 3, 31, true, false, false},
                                         RgLruCase{129, 7, 16, true, true, true, /*strided=*/true},
                                         RgLruCase{1000, 3, 40}, RgLruCase{1000, 1, 7, true, true, /*reset=*/false}));

// bf16 forward alone has threads of 8 channels; the plan takes them only where there are many.
TEST(GpuRgLruWide, EightChannelsMatchTheReference) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  struct Forward8 : OnGpu<Bf16> {
    void forward(const RgLruForward<Bf16>& host) const { OnGpu<Bf16>{.vector = 8}.forward(host); }
  };
  for (const RgLruCase& shape : {RgLruCase{33, 5, 264}, RgLruCase{16, 17, 8, /*gated=*/false}}) {
    expect_rg_lru_matches<Bf16>(shape, Forward8{}, 1e-2);
  }
}

// A stream's frame updates its state in place.
TEST(GpuRgLruStream, StepsInPlaceGiveTheWholeClip) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  constexpr std::int64_t kFrames = 5, kRows = 11, kChannels = 24, kCells = kRows * kChannels;
  Rng rng(3);
  const auto x = random_numbers<float>(kFrames * kCells, rng, 1.0).io,
             logits = random_numbers<float>(kFrames * kCells, rng, 1.0).io;
  const auto bias = random_numbers<float>(kChannels, rng, 1.0).io;
  std::vector<float> whole = poisoned<float>(kFrames * kCells), steps = whole, last = poisoned<float>(kCells);
  std::vector<float> state(kCells, 0.0f);
  OnDevice device;
  RgLruForward<float> p;
  p.frames = kFrames, p.rows = kRows, p.channels = kChannels;
  p.x = device.in(x.data(), kFrames * kCells);
  p.input_logits = p.a_logits = device.in(logits.data(), kFrames * kCells);
  p.input_bias = p.a_bias = p.a_param = device.in(bias.data(), kChannels);
  p.out = device.out(whole.data(), kFrames * kCells);
  p.h_last = device.out(last.data(), kCells);
  rg_lru_forward_cuda(p, {.vector = 4, .chunk_frames = kFrames}, nullptr);
  p.out = device.out(steps.data(), kFrames * kCells);
  p.h_last = device.out(state.data(), kCells);
  p.h0 = p.h_last;
  p.frames = 1;
  for (std::int64_t t = 0; t < kFrames; ++t) {
    rg_lru_forward_cuda(p, rg_lru_forward_plan_cuda(p), nullptr);
    p.x += kCells, p.input_logits += kCells, p.a_logits += kCells, p.out += kCells;
  }
  device.finish();
  EXPECT_EQ(steps, whole);
  EXPECT_EQ(state, last);
}

}  // namespace
}  // namespace trecvit::kernels
#endif
