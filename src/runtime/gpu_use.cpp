#include "runtime/gpu_use.h"

#include <chrono>
#ifdef TRECVIT_TORCH_CUDA
#include <cuda_runtime.h>
#include <dlfcn.h>
#endif

namespace trecvit {

#ifdef TRECVIT_TORCH_CUDA

GpuUse::GpuUse(at::Device device) {
  if (!device.is_cuda()) return;
  char bus[32];
  void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);  // stays for as long as the program runs
  if (!library || cudaDeviceGetPCIBusId(bus, sizeof bus, device.index()) != cudaSuccess) return;
  const auto start = reinterpret_cast<int (*)()>(::dlsym(library, "nvmlInit_v2"));
  const auto find =
      reinterpret_cast<int (*)(const char*, void**)>(::dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"));
  const auto rates = reinterpret_cast<int (*)(void*, Rates*)>(::dlsym(library, "nvmlDeviceGetUtilizationRates"));
  if (start && find && rates && start() == 0 && find(bus, &gpu_) == 0) rates_ = rates;
}

#else

GpuUse::GpuUse(at::Device) {}

#endif

void GpuUse::sample() {
  constexpr double kEvery = 0.2;
  if (!rates_) return;
  const double now = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  if (now - last_s_ < kEvery) return;
  last_s_ = now;
  Rates rates{};
  if (rates_(gpu_, &rates) != 0) return;
  sum_ += rates.gpu / 100.0;
  ++samples_;
}

}  // namespace trecvit
