#include <torch/torch.h>
#include <torch/version.h>

#ifdef TRECVIT_TORCH_CUDA
#include <cuda_runtime.h>
#endif

#include <thread>

#include "core/error.h"
#include "kernels/cpu_level.h"
#include "ops/causal_conv1d.h"
#include "ops/rg_lru.h"
#include "tools/commands/doctor/doctor.h"
#include "tools/cli/output.h"

namespace trecvit::tools {
namespace {

using Tensors = std::vector<at::Tensor>;

constexpr std::int64_t kFrames = 9, kRows = 5, kChannels = 72;  // crosses vector widths

// Numbers in -1..1 that look random and are the same everywhere.
at::Tensor numbers(at::IntArrayRef shape, int stream) {
  const std::int64_t count = c10::multiply_integers(shape);
  return at::sin(at::arange(count, at::kDouble) * 12.9898 + stream * 78.233).reshape(shape);
}

Tensors rg_lru_inputs() {
  const std::vector<std::int64_t> frames{kFrames, kRows, kChannels};
  return {numbers(frames, 0),      numbers(frames, 1),      numbers(frames, 2),      numbers(frames, 3),
          numbers({kChannels}, 4), numbers({kChannels}, 5), numbers({kChannels}, 6), numbers({kRows, kChannels}, 7)};
}

Tensors run_rg_lru(const Tensors& in) {
  const auto result = ops::rg_lru({.x = in[0],
                                   .input_logits = in[1],
                                   .a_logits = in[2],
                                   .y = in[3],
                                   .input_bias = in[4],
                                   .a_bias = in[5],
                                   .a_param = in[6],
                                   .h0 = in[7]});
  return {result.out, result.h_last};
}

Tensors conv_inputs() {
  return {numbers({kFrames, kRows, kChannels}, 0), numbers({4, kChannels}, 1), numbers({kChannels}, 2),
          numbers({kRows, 3, kChannels}, 3)};
}

Tensors run_conv(const Tensors& in) {
  const auto result = ops::causal_conv1d(in[0], in[1], in[2], in[3]);
  return {result.out, result.state};
}

struct Op {
  const char* name;
  Tensors (*inputs)();
  Tensors (*run)(const Tensors&);
};
constexpr Op kOps[] = {{"rg_lru", rg_lru_inputs, run_rg_lru}, {"causal_conv1d", conv_inputs, run_conv}};

// Outputs, then the gradients of a fixed weighted sum of them.
Tensors evaluate(const Op& op, at::Device device, at::ScalarType dtype) {
  Tensors leaves;
  for (const at::Tensor& input : op.inputs()) leaves.push_back(input.to(device, dtype).set_requires_grad(true));
  Tensors outputs = op.run(leaves);
  Tensors weights;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    weights.push_back(numbers(outputs[i].sizes(), 20 + static_cast<int>(i)).to(device, outputs[i].scalar_type()));
  const Tensors gradients = torch::autograd::grad(outputs, leaves, weights);
  outputs.insert(outputs.end(), gradients.begin(), gradients.end());
  return outputs;
}

double largest_error(const Tensors& values, const Tensors& reference) {
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const at::Tensor exact = reference[i].detach(), got = values[i].detach().to(at::kCPU, at::kDouble);
    worst = std::max(worst, ((got - exact).abs().max() / exact.abs().max()).item<double>());
  }
  return worst;
}

std::string gpu_description(int index) {
#ifdef TRECVIT_TORCH_CUDA
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) return "cannot be read";
  return text(properties.name, ", compute capability ", properties.major, ".", properties.minor, ", ",
              fixed(static_cast<double>(properties.totalGlobalMem) / (1 << 30), 1), " GiB");
#else
  return text("GPU ", index);
#endif
}

std::vector<at::Device> torch_devices() {
  std::vector<at::Device> all{at::Device(at::kCPU)};
  for (int i = 0; i < static_cast<int>(torch::cuda::device_count()); ++i) all.emplace_back(at::kCUDA, i);
  return all;
}

}  // namespace

std::string torch_version() { return TORCH_VERSION; }

std::vector<Device> devices() {
  const auto level = kernels::cpu_level();
  const char* simd = level == kernels::CpuLevel::kAvx512 ? "AVX-512"
                     : level == kernels::CpuLevel::kAvx2 ? "AVX2"
                                                         : "baseline instructions";
  std::vector<Device> all;
  for (const at::Device& device : torch_devices()) {
    all.push_back({device.str(), device.is_cpu() ? text(std::thread::hardware_concurrency(), " threads, ", simd)
                                                 : gpu_description(device.index())});
  }
  return all;
}

std::vector<SelfTest> self_tests() {
  std::vector<SelfTest> all;
  for (const Op& op : kOps) {
    const Tensors reference = evaluate(op, at::kCPU, at::kDouble);  // the CPU runs doubles through the plain reference
    for (const at::Device& device : torch_devices()) {
      all.push_back({.op = op.name,
                     .device = device.str(),
                     .precision = "fp32",
                     .error = largest_error(evaluate(op, device, at::kFloat), reference),
                     .tolerance = 2e-5});
    }
  }
  return all;
}

}  // namespace trecvit::tools
