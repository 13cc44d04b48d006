// Where the time goes, kernel by kernel: TRecViT-B on the GPU in bf16, a training step of 8 clips x 16 frames as the
// trainer makes it, clips forward, and streamed frames. `trecvit bench model` times the same without a profiler in the way.
#include <torch/csrc/autograd/profiler_kineto.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "runtime/device.h"
#include "model/trecvit.h"
#include "train/adamw.h"

namespace {

using namespace trecvit;
using at::Tensor;

// The kernels of one run in order of time, those above a thousandth of it.
void profile(const char* name, const std::function<void()>& work) {
  using namespace torch::autograd::profiler;
  for (int warm = 0; warm < 3; ++warm) work();
  torch::cuda::synchronize();
  const ProfilerConfig config(ProfilerState::KINETO);
  const std::set<ActivityType> activities{ActivityType::CUDA};
  prepareProfiler(config, activities);
  enableProfiler(config, activities);
  work();
  torch::cuda::synchronize();
  const auto result = disableProfiler();

  struct Cost {
    double us = 0;
    int runs = 0;
  };
  std::map<std::string, Cost> kernels;
  Cost all;
  for (const auto& event : result->events()) {
    if (event.deviceType() != c10::DeviceType::CUDA) continue;
    for (Cost* cost : {&kernels[event.name()], &all}) {
      cost->us += static_cast<double>(event.durationNs()) * 1e-3;
      ++cost->runs;
    }
  }
  std::vector<std::pair<std::string, Cost>> order(kernels.begin(), kernels.end());
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second.us > b.second.us; });
  std::printf("%s: %d kernels, %.0f us\n", name, all.runs, all.us);
  for (const auto& [kernel, cost] : order) {
    if (cost.us < all.us * 1e-3) break;
    std::printf("%9.0f us %5.1f %% %5d  %.150s\n", cost.us, cost.us / all.us * 100, cost.runs, kernel.c_str());
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
  }
  net.cast_weights();
  const Tensor video = noise(16, 8);
  const Tensor labels = at::randint(0, 400, {8}, at::TensorOptions().dtype(at::kLong).device(at::kCUDA));
  AdamW optimizer(store.flat(), store.decayed_count(), {.weight_decay = 0.03});
  profile("training step, 8 x 16", [&] {
    store.flat_grad().zero_();
    const Tensor loss = at::cross_entropy_loss(net.classify_clips(video).logits, labels, {}, at::Reduction::Mean, -100, 0.1);
    loss.backward();
    optimizer.step(store.flat_grad(), loss.detach(), /*lr=*/1e-4, /*clip=*/1);
    net.cast_weights();
  });
  const at::NoGradGuard no_grad;
  const Tensor batch = noise(32, 8), one = noise(32, 1);
  profile("forward, 8 x 32", [&] { net.classify_clips(batch); });
  profile("forward, 1 x 32", [&] { net.classify_clips(one); });
  for (const std::int64_t streams : {1, 8, 64}) {
    ModelState state = net.make_state(streams);
    const Tensor frame = noise(1, streams);
    profile(text("streamed frame of ", streams, " streams").c_str(), [&] { net.classify_streams(frame, state); });
  }
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_profile_gpu: %s\n", error.what());
    return 1;
  }
}
