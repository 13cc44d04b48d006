// For programs that time kernels on the GPU without torch: memory full of random numbers, and medians of CUDA events.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "kernels/element.h"

namespace trecvit::kernels {

inline void succeed(cudaError_t status) {
  if (status != cudaSuccess) throw Error("CUDA: ", cudaGetErrorString(status));
}

// One allocation, handed out piece by piece and reused by every case; filled with normal bf16 numbers.
class Pool {
 public:
  Pool() {
    std::size_t available = 0, total = 0;
    succeed(cudaMemGetInfo(&available, &total));
    size_ = available / 100 * 92;
    succeed(cudaMalloc(&base_, size_));
    Rng rng(1);
    std::vector<Bf16> numbers(1 << 22);
    for (Bf16& number : numbers) narrow(static_cast<float>(rng.normal()), number);
    const std::size_t piece = numbers.size() * sizeof(Bf16);
    succeed(cudaMemcpy(base_, numbers.data(), piece, cudaMemcpyHostToDevice));
    for (std::size_t at = piece; at + piece <= size_; at += piece) {
      succeed(cudaMemcpy(base_ + at, base_, piece, cudaMemcpyDeviceToDevice));
    }
  }
  void rewind() { used_ = 0; }
  template <class T>
  T* take(std::int64_t count) {
    T* result = reinterpret_cast<T*>(base_ + used_);
    used_ += (count * sizeof(T) + 255) / 256 * 256;
    if (used_ > size_) throw Error("a case needs more GPU memory than there is");
    return result;
  }

 private:
  char* base_ = nullptr;
  std::size_t size_ = 0, used_ = 0;
};

// Of 11 runs after 3.
inline double median_us(const std::function<void()>& work) {
  cudaEvent_t begin, end;
  succeed(cudaEventCreate(&begin));
  succeed(cudaEventCreate(&end));
  for (int warm = 0; warm < 3; ++warm) work();
  std::vector<float> times(11);
  for (float& time : times) {
    succeed(cudaEventRecord(begin));
    work();
    succeed(cudaEventRecord(end));
    succeed(cudaEventSynchronize(end));
    succeed(cudaEventElapsedTime(&time, begin, end));
  }
  std::nth_element(times.begin(), times.begin() + 5, times.end());
  return times[5] * 1e3;
}

}  // namespace trecvit::kernels
