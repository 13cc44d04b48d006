#include <torch/torch.h>
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include <fstream>

#include "runtime/device.h"
#include "runtime/memory.h"

namespace trecvit {

std::int64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024;
  }
  return 0;
}

std::int64_t peak_gpu_memory([[maybe_unused]] const std::string& device) {
#ifdef TRECVIT_TORCH_CUDA
  const at::Device where = parse_device(device);
  if (where.is_cuda())  // [0]: over both pools, small and large
    return c10::cuda::CUDACachingAllocator::getDeviceStats(where.index()).allocated_bytes[0].peak;
#endif
  return 0;
}

void reset_peak_gpu_memory([[maybe_unused]] const std::string& device) {
#ifdef TRECVIT_TORCH_CUDA
  const at::Device where = parse_device(device);
  if (where.is_cuda()) c10::cuda::CUDACachingAllocator::resetPeakStats(where.index());
#endif
}

std::int64_t free_cached_gpu_memory([[maybe_unused]] const std::string& device) {
#ifdef TRECVIT_TORCH_CUDA
  using namespace c10::cuda::CUDACachingAllocator;
  const at::Device where = parse_device(device);
  if (where.is_cuda()) {
    const auto held = [&] { return getDeviceStats(where.index()).reserved_bytes[0].current; };
    const std::int64_t before = held();
    emptyCache();
    return before - held();
  }
#endif
  return 0;
}

std::int64_t peak_bytes(const std::string& device) {
  return parse_device(device).is_cuda() ? peak_gpu_memory(device) : peak_memory();
}

}  // namespace trecvit
