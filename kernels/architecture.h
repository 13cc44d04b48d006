// Features of the current GPU that kernels may use.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdlib>

#include "core/error.h"

namespace trecvit::kernels {

// The newest architecture whose abilities are made use of, written as architecture() does: no limit, or that in the
// environment variable TRECVIT_ARCHITECTURE when the process starts. So a new GPU can show what an older one would do.
inline std::atomic<int>& architecture_limit() {
  static std::atomic<int> limit = [] {
    const char* wish = std::getenv("TRECVIT_ARCHITECTURE");
    return wish ? std::atoi(wish) : INT_MAX;
  }();
  return limit;
}

// Sets the limit for as long as this lives, for tests.
class ArchitectureLimit {
 public:
  explicit ArchitectureLimit(int limit) : before_(architecture_limit().exchange(limit)) {}
  ~ArchitectureLimit() { architecture_limit() = before_; }
  ArchitectureLimit(const ArchitectureLimit&) = delete;
  ArchitectureLimit& operator=(const ArchitectureLimit&) = delete;

 private:
  int before_;
};

// The compute capability of the current device, 75 for 7.5 and so on. Error: no device.
inline int compute_capability() {
  int device = 0, major = 0, minor = 0;
  cudaError_t status = cudaGetDevice(&device);
  if (status == cudaSuccess) status = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  if (status == cudaSuccess) status = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  if (status != cudaSuccess) throw Error("no CUDA device: ", cudaGetErrorString(status));
  return 10 * major + minor;
}

// The same, or the limit where that is lower.
inline int architecture() { return std::min(compute_capability(), architecture_limit().load()); }

// Whether the current device is a Hopper and runs code for 90a, the only code that starts early and has products by
// warpgroups: this build has such code, and the limit allows it.
bool runs_hopper_code();

}  // namespace trecvit::kernels
