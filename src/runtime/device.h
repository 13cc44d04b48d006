// Where to compute, from what a user wrote.
#pragma once

#include <torch/torch.h>

#include <string>

namespace trecvit {

// "auto" (the first GPU when there is one), "cpu", "cuda", "cuda:1". UsageError: anything else, or no such GPU.
at::Device parse_device(const std::string& text);
// "fp32" or "bf16".
at::ScalarType parse_precision(const std::string& text);
// Same input, same bits: deterministic algorithms, no TF32 in fp32 products.
void make_deterministic();

}  // namespace trecvit
