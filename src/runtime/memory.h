// The most memory that the process has used so far.
#pragma once

#include <cstdint>
#include <string>

namespace trecvit {

// Bytes of main memory (VmHWM of /proc/self/status); 0: not known.
std::int64_t peak_memory();

// Bytes that tensors took at once on `device`, such as "cuda:0", since the start or the last reset; 0 on the CPU.
std::int64_t peak_gpu_memory(const std::string& device);
void reset_peak_gpu_memory(const std::string& device);

// Gives memory that LibTorch keeps for later back to `device`; tells how many bytes. 0 on the CPU.
std::int64_t free_cached_gpu_memory(const std::string& device);

// Of the two, the one that `device` has.
std::int64_t peak_bytes(const std::string& device);

}  // namespace trecvit
