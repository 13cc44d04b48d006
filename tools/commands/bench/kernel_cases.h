// The kernels that a model is made of, as `trecvit bench kernels` runs them: at the model's own sizes, on random
// numbers, each with what it must multiply and move at least. Letters: docs/architecture.md. Includes torch.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "config/model.h"

namespace trecvit::tools {

struct KernelCase {
  std::string name;           // "scan forward 1576x32"
  std::function<void()> run;  // enqueues the work; holds its tensors
  double bytes = 0;           // read and written at least
  double flops = 0;           // two per multiply-add; 0: the work is one of bytes
  bool by_autograd = false;   // runs on LibTorch's own thread and cannot be recorded as a CUDA graph
};

struct KernelSizes {
  ModelConfig model;  // resolved
  std::int64_t parameters = 0;
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;  // of activations: fp32 or bf16
};

// Of clips of T frames. Products are named by [M, in] x [in, out].
std::vector<KernelCase> patch_cases(const KernelSizes& sizes, std::int64_t clips, std::int64_t frames);
std::vector<KernelCase> norm_cases(const KernelSizes& sizes, std::int64_t clips, std::int64_t frames);
std::vector<KernelCase> product_cases(const KernelSizes& sizes, std::int64_t clips, std::int64_t frames);
std::vector<KernelCase> gate_cases(const KernelSizes& sizes, std::int64_t clips, std::int64_t frames);
std::vector<KernelCase> attention_cases(const KernelSizes& sizes, std::int64_t clips, std::int64_t frames);

// Everything between the two linear maps of a recurrent block, without gradient: of clips, and of one frame of so many
// streams, states overwritten.
std::vector<KernelCase> unit_cases(const KernelSizes& sizes, std::int64_t clips, std::int64_t frames);
std::vector<KernelCase> step_cases(const KernelSizes& sizes, std::int64_t streams);

// Of rows over T frames, every row reset at the first. Where the plan is a chain over time (kernels/rg_lru), the serial
// forms beside it.
std::vector<KernelCase> conv_cases(const KernelSizes& sizes, std::int64_t rows, std::int64_t frames);
std::vector<KernelCase> scan_cases(const KernelSizes& sizes, std::int64_t rows, std::int64_t frames);

// AdamW with the gradient's norm, and the copy of the parameters in the type of the activations.
std::vector<KernelCase> optimizer_cases(const KernelSizes& sizes);

// Decoded frames of some sizes (8-bit 4:2:0, noise) to the model's RGB pixels, of the centre and of three crops. On a
// GPU the kernel, from planes that are there already; on the CPU what one thread of a loader does: the conversion, and
// beside it keeping the planes for a GPU.
std::vector<KernelCase> convert_cases(const KernelSizes& sizes);

}  // namespace trecvit::tools
