// Host side of a CUDA kernel launch.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/error.h"
#include "kernels/architecture.h"
#include "kernels/grid.h"

namespace trecvit::kernels {

// Throws when the last launch was refused (a build without code for this GPU, an impossible grid). Faults while a
// kernel runs show at the next synchronisation.
inline void check_launch(const char* kernel) {
  const cudaError_t status = cudaGetLastError();
  if (status != cudaSuccess) {
    throw Error("the CUDA kernel ", kernel, " could not be launched: ", cudaGetErrorString(status));
  }
}

// Lets a kernel have this much dynamic shared memory; more than 48 KB must be asked for.
template <class... Arguments>
void allow_shared_memory(void (*kernel)(Arguments...), int bytes) {
  const cudaError_t status = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (status != cudaSuccess) {
    throw Error("a CUDA kernel cannot have ", bytes, " bytes of shared memory: ", cudaGetErrorString(status));
  }
}

// The most shared memory that a block of the current device can opt in to, bytes.
inline int largest_shared_memory() {
  int device = 0, bytes = 0;
  cudaError_t status = cudaGetDevice(&device);
  if (status == cudaSuccess) status = cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  if (status != cudaSuccess) throw Error("no CUDA device to launch on: ", cudaGetErrorString(status));
  return bytes;
}

// Launches a kernel, called `name`, that may start while the one before it on the stream still runs ("programmatic
// dependent launch"), as Note [Early starts] in device.cuh says, where runs_hopper_code(); otherwise plainly. May be
// captured into a graph. Failures: as check_launch().
// Blocks come in clusters of `cluster` along x; more than one wants runs_hopper_code().
template <class... Parameters, class... Arguments>
void launch_clusters(const char* name, void (*kernel)(Parameters...), int cluster, dim3 grid, dim3 block,
                     int shared_bytes, cudaStream_t stream, const Arguments&... arguments) {
  cudaLaunchAttribute attributes[2] = {};
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim = {static_cast<unsigned>(cluster), 1, 1};
  cudaLaunchConfig_t launch{};
  launch.gridDim = grid, launch.blockDim = block, launch.dynamicSmemBytes = shared_bytes, launch.stream = stream;
  launch.attrs = attributes, launch.numAttrs = !runs_hopper_code() ? 0 : cluster == 1 ? 1 : 2;
  cudaLaunchKernelEx(&launch, kernel, arguments...);
  check_launch(name);
}
// The same without clusters.
template <class... Parameters, class... Arguments>
void launch_dependent(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, int shared_bytes,
                      cudaStream_t stream, const Arguments&... arguments) {
  launch_clusters(name, kernel, 1, grid, block, shared_bytes, stream, arguments...);
}

// Of the current device.
inline int multiprocessors() {
  int device = 0, count = 0;
  cudaError_t status = cudaGetDevice(&device);
  if (status == cudaSuccess) status = cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
  if (status != cudaSuccess) throw Error("no CUDA device to launch on: ", cudaGetErrorString(status));
  return count;
}

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// A grid of so many blocks. Error: more of them than CUDA launches.
inline dim3 grid_of(std::int64_t x, std::int64_t y = 1, std::int64_t z = 1) {
  if (x < 1 || x > kMostBlocksX || y < 1 || y > kMostBlocksY || z < 1 || z > kMostBlocksY) {
    throw Error("tensors of this size want a CUDA grid of ", x, " x ", y, " x ", z, " blocks; the most is ",
                kMostBlocksX, " x ", kMostBlocksY, " x ", kMostBlocksY);
  }
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z));
}

// Frames as kernels count them. Error: so many that counting past the last one would leave an int.
inline int frame_count(std::int64_t frames) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  if (frames < 1 || frames > kMost) throw Error("a CUDA kernel was given ", frames, " frames; it takes 1 to ", kMost);
  return static_cast<int>(frames);
}

// Whether kernels may read `vector` elements at once from this address, rows being `stride` elements apart.
template <class Io>
bool vector_fits(const Io* pointer, std::int64_t stride, int vector) {
  return reinterpret_cast<std::uintptr_t>(pointer) % (sizeof(Io) * vector) == 0 && stride % vector == 0;
}

}  // namespace trecvit::kernels
