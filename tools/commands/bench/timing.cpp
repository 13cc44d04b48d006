#include <algorithm>
#include <thread>

#include "core/clock.h"
#include "core/error.h"
#include "tools/commands/bench/timing.h"
#include "runtime/memory.h"
#ifdef TRECVIT_TORCH_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#endif

namespace trecvit::tools {
namespace {

std::vector<double> times_on_cpu(std::int64_t repeats, const std::function<void()>& work) {
  std::vector<double> ms;
  for (std::int64_t i = 0; i < repeats; ++i) {
    const double start = now_ms();
    work();
    ms.push_back(now_ms() - start);
  }
  return ms;
}

std::string describe(at::Device device) {
#ifdef TRECVIT_TORCH_CUDA
  if (device.is_cuda()) return at::cuda::getDeviceProperties(device.index())->name;
#endif
  return text(device.str(), ", ", at::get_num_threads(), " of ", std::thread::hardware_concurrency(), " threads");
}

}  // namespace

std::vector<double> times_ms(at::Device device, std::int64_t repeats, const std::function<void()>& work) {
  if (!device.is_cuda()) return times_on_cpu(repeats, work);
  std::vector<double> ms;
#ifdef TRECVIT_TORCH_CUDA
  constexpr std::int64_t kAhead = 64;
  std::vector<at::cuda::CUDAEvent> events;
  for (std::int64_t i = 0; i <= kAhead; ++i) events.emplace_back(cudaEventDefault);
  for (std::int64_t done = 0; done < repeats; done += kAhead) {
    const auto count = static_cast<std::size_t>(std::min(kAhead, repeats - done));
    events[0].record();
    for (std::size_t i = 1; i <= count; ++i) {
      work();
      events[i].record();
    }
    events[count].synchronize();
    for (std::size_t i = 1; i <= count; ++i) ms.push_back(static_cast<double>(events[i - 1].elapsed_time(events[i])));
  }
#endif
  return ms;
}

BenchReport begin_bench(at::Device device, at::ScalarType dtype) {
  const bool gpu = device.is_cuda();
  constexpr int kWarm = 3, kRepeats = 20;
  BenchReport report{.device = describe(device)};
  const auto add = [&](const std::string& name, const std::string& unit, double work,
                       const std::function<void()>& run) {
    for (int i = 0; i < kWarm; ++i) run();
    BenchRow row{.name = name, .unit = unit, .ms = times_ms(device, kRepeats, run)};
    row.peak_bytes = peak_bytes(device.str());
    const double rate = work / (quantile(row.ms, 0.5) * 1e-3);
    row.value = rate * (unit == "TFLOP/s" ? 1e-12 : 1e-9);
    report.rows.push_back(std::move(row));
    return rate;
  };
  {
    const std::int64_t n = gpu ? 8192 : 512;
    const at::Tensor a = at::randn({n, n}, at::TensorOptions().device(device)).to(dtype), b = at::randn_like(a);
    at::Tensor c = at::empty_like(a);
    report.flops_per_s = add(text("ceiling: product of ", n, "^3"), "TFLOP/s", 2.0 * static_cast<double>(n * n * n),
                             [&] { at::mm_out(c, a, b); });
  }
  const std::int64_t bytes = std::int64_t{1} << (gpu ? 30 : 26);
  const at::Tensor from = at::randint(256, {bytes}, at::TensorOptions().dtype(at::kByte).device(device));
  at::Tensor to = at::empty_like(from);
  report.bytes_per_s = add(text("ceiling: copy of ", bytes >> 20, " MiB"), "GB/s", 2.0 * static_cast<double>(bytes),
                           [&] { to.copy_(from); });
  return report;
}

at::Tensor random_video(std::int64_t frames, std::int64_t clips, std::int64_t size, at::Device device) {
  return at::randint(256, {frames, clips, size, size, 3}, at::TensorOptions().dtype(at::kByte).device(device));
}

}  // namespace trecvit::tools
