// TRecViT-B on the GPU in bf16: clip forward, and a training step (forward, loss, backward, clip by norm, AdamW) of 8
// clips x 16 frames; medians of CUDA events, peak memory of the allocator, and where the time of a step goes by kernel.
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "infer/device.h"
#include "model/trecvit.h"
#include "train/adamw.h"

namespace {

using namespace trecvit;
using at::Tensor;

double median_ms(int runs, const std::function<void()>& work) {
  for (int warm = 0; warm < 3; ++warm) work();
  std::vector<float> times;
  for (int run = 0; run < runs; ++run) {
    at::cuda::CUDAEvent begin(cudaEventDefault), end(cudaEventDefault);
    begin.record();
    work();
    end.record();
    end.synchronize();
    times.push_back(begin.elapsed_time(end));
  }
  std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
  return times[static_cast<std::size_t>(runs / 2)];
}

double peak_gib() {
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(0);
  return static_cast<double>(stats.allocated_bytes[0].peak) / (1 << 30);
}

// Kernels of one run by time, those above a thousandth of it.
void profile(const std::function<void()>& work) {
  using namespace torch::autograd::profiler;
  const ProfilerConfig config(ProfilerState::KINETO);
  const std::set<ActivityType> activities{ActivityType::CUDA};
  prepareProfiler(config, activities);
  enableProfiler(config, activities);
  work();
  torch::cuda::synchronize();
  const auto result = disableProfiler();
  std::map<std::string, std::pair<double, int>> kernels;
  double total = 0;
  for (const auto& event : result->events()) {
    if (event.deviceType() != c10::DeviceType::CUDA) continue;
    auto& [us, count] = kernels[event.name()];
    us += static_cast<double>(event.durationNs()) * 1e-3, ++count;
    total += static_cast<double>(event.durationNs()) * 1e-3;
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, cost] : kernels) order.emplace_back(cost.first, name);
  std::sort(order.rbegin(), order.rend());
  std::printf("%9.0f us in kernels\n", total);
  for (const auto& [us, name] : order) {
    if (us < total * 1e-3) break;
    std::printf("%9.0f us %5.1f %% %5d  %.150s\n", us, us / total * 100, kernels[name].second, name.c_str());
  }
}

Tensor noise(std::int64_t frames, std::int64_t clips) {
  return at::randint(0, 256, {frames, clips, 224, 224, 3}, at::TensorOptions().dtype(at::kByte).device(at::kCUDA));
}

void run() {
  make_deterministic();
  ModelConfig config;
  config.classes = 400;
  config.resolve(224);
  config.check();
  nn::ParameterStore store;
  TRecViT net(store, config);
  net.set_dtype(at::kBFloat16);
  store.allocate(at::kCUDA);
  {
    const at::NoGradGuard no_grad;
    store.flat().normal_(0, 0.02);
    for (const auto& [clips, frames] : {std::pair{8, 32}, std::pair{1, 32}}) {
      const Tensor video = noise(frames, clips);
      const double ms = median_ms(15, [&] { net(video); });
      std::printf("forward %d x %d: %.2f ms, %.0f frames/s\n", clips, frames, ms, clips * frames / ms * 1e3);
    }
  }
  const Tensor video = noise(16, 8), labels = at::randint(0, 400, {8}, at::TensorOptions().dtype(at::kLong).device(at::kCUDA));
  AdamW optimizer(store.flat(), store.decayed_count(), {.weight_decay = 0.03});
  const auto step = [&] {
    store.flat_grad().zero_();
    const Tensor loss = at::cross_entropy_loss(net(video).logits, labels, {}, at::Reduction::Mean, -100, 0.1);
    loss.backward();
    optimizer.step(store.flat_grad(), /*lr=*/1e-4, /*clip=*/1);
  };
  c10::cuda::CUDACachingAllocator::emptyCache();
  c10::cuda::CUDACachingAllocator::resetPeakStats(0);
  const double ms = median_ms(11, step);
  std::printf("training step 8 x 16: %.2f ms, %.0f frames/s, peak %.2f GiB\n", ms, 128 / ms * 1e3, peak_gib());
  // Profiling slows what comes after it down.
  profile(step);
  const at::NoGradGuard no_grad;
  for (const std::int64_t clips : {8, 1}) {
    const Tensor clip = noise(32, clips);
    profile([&] { net(clip); });
  }
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_model_gpu: %s\n", error.what());
    return 1;
  }
}
