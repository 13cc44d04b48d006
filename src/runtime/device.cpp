#include "runtime/device.h"

#include "core/error.h"

namespace trecvit {

at::Device parse_device(const std::string& text) {
  if (text == "cpu") return at::kCPU;
  const bool has_gpu = torch::cuda::is_available();
  if (text == "auto" || text.empty()) return has_gpu ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (text == "cuda" || text.rfind("cuda:", 0) == 0) {
    const std::string digits = text == "cuda" ? "0" : text.substr(5);
    const bool number = !digits.empty() && digits.size() < 4 && digits.find_first_not_of("0123456789") == std::string::npos;
    if (number) {
      if (!has_gpu) throw UsageError("device ", text, ": this machine or this build has no usable GPU; use --device cpu");
      const int index = std::stoi(digits);
      if (index >= static_cast<int>(torch::cuda::device_count()))
        throw UsageError("device ", text, ": there are only ", torch::cuda::device_count(), " GPUs, counted from cuda:0");
      return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
    }
  }
  throw UsageError("device is ", text, "; it must be auto, cpu or cuda:0");
}

at::ScalarType parse_precision(const std::string& text) {
  if (text == "fp32") return at::kFloat;
  if (text == "bf16") return at::kBFloat16;
  throw UsageError("precision is ", text, "; it must be fp32 or bf16");
}

void make_deterministic() {
  // cuBLAS is deterministic only with a fixed workspace.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  at::globalContext().setDeterministicAlgorithms(/*mode=*/true, /*warn_only=*/true);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setBenchmarkCuDNN(false);
  // The memory-efficient attention adds gradients in any order; cuDNN before 9.15.1 is wrong for lengths not divisible by 128.
  at::globalContext().setSDPUseMemEfficient(false);
  at::globalContext().setSDPUseCuDNN(false);
}

}  // namespace trecvit
