// Decoded planes to RGB pixels.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// All contiguous uint8 on one device. pictures: kernels::ConvertPicture [n] as bytes; samples: what they refer to;
// rgb: [n, height, width, 3], is written. On the CPU the plain reference does it, slowly. Error: other types or sizes.
void convert(const at::Tensor& pictures, const at::Tensor& samples, const at::Tensor& rgb);

}  // namespace trecvit::ops
