#include <torch/torch.h>
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include <fstream>

#include "infer/device.h"
#include "tools/memory.h"

namespace trecvit::tools {

std::int64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024;
  }
  return 0;
}

std::int64_t peak_gpu_memory(const std::string& device) {
#ifdef TRECVIT_TORCH_CUDA
  const at::Device where = parse_device(device);
  if (where.is_cuda()) {
    const auto index = static_cast<c10::DeviceIndex>(where.has_index() ? where.index() : 0);
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(index);
    return stats.allocated_bytes[0].peak;  // over both pools, small and large
  }
#else
  static_cast<void>(device);
#endif
  return 0;
}

}  // namespace trecvit::tools
