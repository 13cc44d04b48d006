#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "gpu_buffer.h"
#include "kernels/rg_lru/rg_lru_cuda.h"
#include "rg_lru_problem.h"

namespace trecvit::kernels {
namespace {

enum class Time { kPlanned, kSerial, kChained };

// vector 0: what the plan says. Chains take no more than kRgLruChainVector channels.
template <class Io>
struct OnGpu {
  Time time = Time::kPlanned;
  int vector = 0;

  RgLruPlan adjusted(RgLruPlan plan) const {
    if (vector > 0) plan.vector = vector;
    if (time != Time::kPlanned) plan.chained = time == Time::kChained;
    if (plan.chained) plan.vector = std::min(plan.vector, kRgLruChainVector);
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
    const RgLruPlan plan = adjusted(rg_lru_forward_plan_cuda(p));
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
    const RgLruPlan plan = adjusted(rg_lru_backward_plan_cuda(p));
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
TEST_P(GpuRgLru, Fp32ChainedMatchesTheReference) {
  expect_rg_lru_matches<float>(GetParam(), OnGpu<float>{Time::kChained}, 1e-5);
}
TEST_P(GpuRgLru, Bf16ChainedMatchesTheReference) {
  expect_rg_lru_matches<Bf16>(GetParam(), OnGpu<Bf16>{Time::kChained}, 1e-2);
}
TEST_P(GpuRgLru, EveryVectorWidthMatchesTheReference) {
  for (int vector : {1, 2, 4, 8}) {
    if (GetParam().channels % vector != 0 || (GetParam().strided && vector > 1)) continue;
    if (vector < 8) expect_rg_lru_matches<float>(GetParam(), OnGpu<float>{Time::kSerial, vector}, 1e-5);
    expect_rg_lru_matches<Bf16>(GetParam(), OnGpu<Bf16>{Time::kSerial, vector}, 1e-2);
  }
}

// Only the sums over all frames are cut differently.
template <class Io>
void expect_same_bits_chained(const RgLruCase& shape) {
  const RgLruProblem<Io> problem(shape);
  const int vector = shape.channels % 2 == 0 && !shape.strided ? 2 : 1;
  RgLruResults<Io> serial = problem.run(OnGpu<Io>{Time::kSerial, vector}),
                   chained = problem.run(OnGpu<Io>{Time::kChained, vector});
  for (RgLruResults<Io>* results : {&serial, &chained}) {
    results->dinput_bias.clear(), results->da_bias.clear(), results->da_param.clear();
  }
  std::vector<std::vector<double>> expected;
  const auto exact = [](const auto& values) {
    std::vector<double> result;
    for (auto value : values) result.push_back(to_double(value));
    return result;
  };
  RgLruResults<Io>::for_each(serial, [&](const char*, auto& values) { expected.push_back(exact(values)); });
  std::size_t at = 0;
  RgLruResults<Io>::for_each(
      chained, [&](const char* name, auto& values) { EXPECT_TRUE(exact(values) == expected[at++]) << name; });
}
TEST_P(GpuRgLru, ChainedGivesTheBitsOfSerial) {
  expect_same_bits_chained<float>(GetParam());
  expect_same_bits_chained<Bf16>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Shapes, GpuRgLru,
                         testing::Values(RgLruCase{1, 1, 1}, RgLruCase{1, 197, 64}, RgLruCase{2, 3, 5, /*gated=*/false},
                                         RgLruCase{3, 197, 48}, RgLruCase{7, 9, 24, true, /*h0=*/false},
                                         RgLruCase{16, 17, 33}, RgLruCase{33, 5, 264, true, true, /*reset=*/false},
                                         RgLruCase{33, 5, 264, /*gated=*/false},
                                         RgLruCase{129, 3, 31, true, false, false},
                                         RgLruCase{129, 7, 16, true, true, true, /*strided=*/true},
                                         RgLruCase{1000, 3, 40}, RgLruCase{1000, 1, 7, true, true, /*reset=*/false}));

// Where a nears 1 and m nears 0, m keeps the digits that its tensors have.
template <class Io>
void expect_digits_near_one(double tolerance) {
  constexpr std::int64_t kChannels = 64;
  Rng rng(5);
  const auto x = random_numbers<Io>(kChannels, rng, 1.0), input_logits = random_numbers<Io>(kChannels, rng, 0.0),
             a_logits = random_numbers<Io>(kChannels, rng, 2.0);
  const auto zeros = random_numbers<float>(kChannels, rng, 0.0),
             a_param = random_numbers<float>(kChannels, rng, 3.0, -12.0);
  const auto arguments = [&]<class S>(RgLruForward<S>& p, const auto& pick) {
    p.frames = p.rows = 1, p.channels = kChannels;
    p.x = pick(x), p.input_logits = pick(input_logits), p.a_logits = pick(a_logits);
    p.input_bias = p.a_bias = pick(zeros), p.a_param = pick(a_param);
  };
  RgLruForward<double> exact;
  arguments(exact, [](const auto& numbers) { return numbers.exact.data(); });
  std::vector<double> expected(kChannels), last(kChannels);
  exact.out = expected.data(), exact.h_last = last.data();
  reference::rg_lru_forward(exact);
  RgLruForward<Io> p;
  arguments(p, [](const auto& numbers) { return numbers.io.data(); });
  std::vector<Io> out = poisoned<Io>(kChannels);
  std::vector<float> h_last = poisoned<float>(kChannels);
  p.out = out.data(), p.h_last = h_last.data();
  OnGpu<Io>{}.forward(p);
  for (std::int64_t c = 0; c < kChannels; ++c) {
    EXPECT_NEAR(h_last[c] / expected[c], 1.0, tolerance) << "a_param " << a_param.exact[c];
  }
}
TEST(GpuRgLruDigits, NearOne) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  expect_digits_near_one<float>(2e-6);
  expect_digits_near_one<Bf16>(2e-3);
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
  rg_lru_forward_cuda(p, {.vector = 4}, nullptr);
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

// A graph holds the chain's memset too, so that every replay starts anew.
TEST(GpuRgLruGraph, ChainsReplay) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  constexpr std::int64_t kFrames = 100, kRows = 3, kChannels = 40, kCells = kRows * kChannels;
  Rng rng(9);
  const auto x = random_numbers<float>(kFrames * kCells, rng, 1.0).io,
             bias = random_numbers<float>(kChannels, rng, 1.0).io;
  std::vector<float> serial = poisoned<float>(kFrames * kCells), replayed = serial, last = poisoned<float>(kCells);
  OnDevice device;
  RgLruForward<float> p;
  p.frames = kFrames, p.rows = kRows, p.channels = kChannels;
  p.x = p.input_logits = p.a_logits = device.in(x.data(), kFrames * kCells);
  p.input_bias = p.a_bias = p.a_param = device.in(bias.data(), kChannels);
  p.out = device.out(serial.data(), kFrames * kCells);
  p.h_last = device.out(last.data(), kCells);
  rg_lru_forward_cuda(p, {.vector = 2}, nullptr);
  succeed(cudaDeviceSynchronize());

  const RgLruPlan plan{.vector = 2, .chained = true};
  std::vector<float> scratch = poisoned<float>(rg_lru_forward_scratch_cuda(p, plan));
  p.scratch = device.out(scratch.data(), scratch.size());
  p.out = device.out(replayed.data(), kFrames * kCells);
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t ready;
  succeed(cudaStreamCreate(&stream));
  succeed(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  rg_lru_forward_cuda(p, plan, stream);
  succeed(cudaStreamEndCapture(stream, &graph));
  succeed(cudaGraphInstantiate(&ready, graph, 0));
  for (int replay = 0; replay < 3; ++replay) succeed(cudaGraphLaunch(ready, stream));
  device.finish();
  EXPECT_EQ(replayed, serial);
  succeed(cudaGraphExecDestroy(ready));
  succeed(cudaGraphDestroy(graph));
  succeed(cudaStreamDestroy(stream));
}

}  // namespace
}  // namespace trecvit::kernels
#endif
