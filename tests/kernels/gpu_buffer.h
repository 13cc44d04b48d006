// Device copies of a test's host arrays.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "core/error.h"

namespace trecvit::kernels {

inline void succeed(cudaError_t status) { ensure(status == cudaSuccess, cudaGetErrorString(status)); }

inline bool gpu_present() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

// Moves pointers of a Params struct to the device: in() copies the host array there, out() also copies it back at
// finish().
class OnDevice {
 public:
  template <class T>
  const T* in(const T* host, std::int64_t count) {
    return host ? upload(const_cast<T*>(host), count) : nullptr;
  }
  template <class T>
  T* out(T* host, std::int64_t count) {
    if (!host) return nullptr;
    T* device = upload(host, count);  // brings the poison along
    pending_.push_back([=] { succeed(cudaMemcpy(host, device, count * sizeof(T), cudaMemcpyDeviceToHost)); });
    return device;
  }
  void finish() {
    succeed(cudaDeviceSynchronize());
    for (const auto& copy : pending_) copy();
  }

 private:
  template <class T>
  T* upload(T* host, std::int64_t count) {
    void* device = nullptr;
    succeed(cudaMalloc(&device, count * sizeof(T)));
    owned_.emplace_back(device, [](void* pointer) { cudaFree(pointer); });
    succeed(cudaMemcpy(device, host, count * sizeof(T), cudaMemcpyHostToDevice));
    return static_cast<T*>(device);
  }

  std::vector<std::shared_ptr<void>> owned_;
  std::vector<std::function<void()>> pending_;
};

}  // namespace trecvit::kernels
