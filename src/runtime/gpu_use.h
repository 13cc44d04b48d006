// How much of the time a GPU was at work, as its driver counts it.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace trecvit {

// Asks NVML, which is loaded when there is a GPU to ask about; where it is missing, nothing is measured. The driver's
// figure is the share of its last sixth of a second or so in which any kernel ran, of whatever process.
class GpuUse {
 public:
  explicit GpuUse(at::Device device);

  // For a loop to call: asks five times a second at most.
  void sample();

  // Mean of all samples, 0..1; -1: none.
  double share() const { return samples_ > 0 ? sum_ / static_cast<double>(samples_) : -1; }

 private:
  struct Rates {
    unsigned int gpu, memory;  // per cent; nvmlUtilization_t
  };
  int (*rates_)(void* device, Rates*) = nullptr;
  void* gpu_ = nullptr;
  double sum_ = 0, last_s_ = 0;
  std::int64_t samples_ = 0;
};

}  // namespace trecvit
