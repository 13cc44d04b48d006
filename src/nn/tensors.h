// Arrays of files as tensors, and back.
#pragma once

#include <torch/torch.h>

#include "core/array.h"

namespace trecvit {

// On the CPU; a copy.
at::Tensor to_tensor(const Array& array);
// From any device; a copy.
Array to_array(const at::Tensor& tensor);
// Error unless `arrays` has `name` with the shape of `wanted` and a floating-point or integer type like its own.
void check_saved_tensor(const std::string& name, const NamedArrays& arrays, const at::Tensor& wanted);

}  // namespace trecvit
