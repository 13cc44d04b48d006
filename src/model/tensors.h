// Between the arrays of files and the tensors of a model.
#pragma once

#include <torch/torch.h>

#include "core/array.h"

namespace trecvit {

// A copy on the CPU with the array's dtype, or in `dtype` when one is wanted.
at::Tensor to_tensor(const Array& array);
// A copy of any tensor, from any device, C-contiguous.
Array to_array(const at::Tensor& tensor);

}  // namespace trecvit
