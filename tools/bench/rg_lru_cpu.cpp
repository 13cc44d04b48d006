// The fused RG-LRU against the same formula as a loop of LibTorch operations: forward and backward, fp32, same threads,
// same numbers, turn and turn about. Exits with 1 when the ratio of the medians is below 3.
#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "ops/rg_lru.h"

namespace {

using at::Tensor;
using trecvit::ops::RgLruArgs;
using trecvit::ops::RgLruResult;

constexpr std::int64_t kFrames = 32, kRows = 197, kChannels = 384;

RgLruArgs random_args() {
  at::manual_seed(1);
  const auto leaf = [](at::IntArrayRef shape, double shift = 0.0) {
    return (at::randn(shape) + shift).requires_grad_(true);
  };
  return {.x = leaf({kFrames, kRows, kChannels}),
          .input_logits = leaf({kFrames, kRows, kChannels}),
          .a_logits = leaf({kFrames, kRows, kChannels}),
          .y = leaf({kFrames, kRows, kChannels}),
          .input_bias = leaf({kChannels}),
          .a_bias = leaf({kChannels}),
          .a_param = leaf({kChannels}, -3.0)};
}

// Everything that does not depend on the frame before is done for all frames at once; only the recurrence is a loop.
RgLruResult composed(const RgLruArgs& a) {
  const Tensor i = at::sigmoid(a.input_logits + a.input_bias), r = at::sigmoid(a.a_logits + a.a_bias);
  const Tensor log_a = r * (-8.0 * at::softplus(a.a_param));
  const Tensor input = at::sqrt(-at::expm1(2.0 * log_a)) * (i * a.x);
  const auto decay = at::exp(log_a).unbind(0), inputs = input.unbind(0);
  std::vector<Tensor> states;
  Tensor h = inputs[0];
  states.push_back(h);
  for (std::int64_t t = 1; t < kFrames; ++t) {
    h = at::addcmul(inputs[t], decay[t], h);
    states.push_back(h);
  }
  return {at::stack(states) * at::gelu(a.y, "tanh"), h};
}

// Seconds of one forward and backward.
template <class F>
double timed(F&& function, const RgLruArgs& a, const Tensor& dout) {
  for (const Tensor& leaf : {a.x, a.input_logits, a.a_logits, a.y, a.input_bias, a.a_bias, a.a_param}) {
    leaf.mutable_grad() = Tensor();
  }
  const auto start = std::chrono::steady_clock::now();
  function(a).out.backward(dout);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

double ratio = 0;

void rg_lru_against_libtorch(benchmark::State& state) {
  const RgLruArgs a = random_args();
  const Tensor dout = at::randn({kFrames, kRows, kChannels});
  std::vector<double> ours, theirs;
  for (int warm = 0; warm < 2; ++warm) timed(trecvit::ops::rg_lru, a, dout), timed(composed, a, dout);
  for (auto _ : state) {
    ours.push_back(timed(trecvit::ops::rg_lru, a, dout));
    theirs.push_back(timed(composed, a, dout));
    state.SetIterationTime(ours.back());
  }
  ratio = median(theirs) / median(ours);
  state.counters["ours_ms"] = median(ours) * 1e3;
  state.counters["libtorch_ms"] = median(theirs) * 1e3;
  state.counters["threads"] = at::get_num_threads();
  state.counters["ratio"] = ratio;
}
BENCHMARK(rg_lru_against_libtorch)->UseManualTime()->Iterations(21)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  std::printf("rg_lru forward+backward, fp32, %ld rows x %ld channels x %ld frames: %.2f times as fast as LibTorch\n",
              static_cast<long>(kRows), static_cast<long>(kChannels), static_cast<long>(kFrames), ratio);
  return ratio >= 3 ? 0 : 1;
}
