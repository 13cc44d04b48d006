// What the programs that time kernels on the GPU share: memory full of random numbers, medians of CUDA events, and
// lines that compare with the bandwidth of a plain copy.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
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

// Per launch, in a CUDA graph of 24 that follow one another: without what a lone launch costs the host.
inline double median_us_in_graph(const std::function<void(cudaStream_t)>& launch) {
  constexpr int kLaunches = 24;
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t ready;
  succeed(cudaStreamCreate(&stream));
  succeed(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int n = 0; n < kLaunches; ++n) launch(stream);
  succeed(cudaStreamEndCapture(stream, &graph));
  succeed(cudaGraphInstantiate(&ready, graph, 0));
  const double us = median_us([&] { succeed(cudaGraphLaunch(ready, nullptr)); }) / kLaunches;
  succeed(cudaGraphExecDestroy(ready));
  succeed(cudaGraphDestroy(graph));
  succeed(cudaStreamDestroy(stream));
  return us;
}

// Bytes read and written per us by a copy of 1 GiB.
inline double measure_copy(Pool& pool) {
  constexpr std::int64_t kCopied = std::int64_t{1} << 30;
  char* from = pool.take<char>(kCopied);
  char* to = pool.take<char>(kCopied);
  const double us = median_us([&] { succeed(cudaMemcpyAsync(to, from, kCopied, cudaMemcpyDeviceToDevice)); });
  std::printf("copy of 1 GiB: %.0f GB/s read and written\n", 2e-3 * kCopied / us);
  return 2.0 * kCopied / us;
}

}  // namespace trecvit::kernels
