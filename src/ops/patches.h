// Frames of RGB levels cut into patches.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// video [T, B, Hpx, Wpx, 3], uint8 levels (divided by 255) or floats in [0, 1] -> patches [T, B, N-1, patch*patch*3] in
// `dtype`, rows of patches from the top left, pixels within a patch row by row, channels last. No gradient.
// Error: another shape, or frames that do not divide into patches.
at::Tensor patchify(const at::Tensor& video, std::int64_t patch, at::ScalarType dtype);

}  // namespace trecvit::ops
