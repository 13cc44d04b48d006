#include "ops/planes_to_rgb.h"

#include "kernels/planes_to_rgb/reference.h"
#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/planes_to_rgb/planes_to_rgb_cuda.h"
#endif

namespace trecvit::ops {

void convert(const at::Tensor& pictures, const at::Tensor& samples, const at::Tensor& rgb) {
  const auto bytes = static_cast<std::int64_t>(sizeof(kernels::ConvertPicture));
  for (const at::Tensor& tensor : {pictures, samples, rgb}) {
    if (tensor.scalar_type() != at::kByte || !tensor.is_contiguous() || tensor.device() != rgb.device())
      throw Error("convert wants contiguous bytes on one device");
  }
  if (rgb.dim() != 4 || rgb.size(3) != 3 || pictures.numel() != rgb.size(0) * bytes)
    throw Error("pictures of ", pictures.numel(), " bytes do not become ", rgb.sizes(), " pixels");
  const kernels::ConvertParams params{
      .pictures = rgb.size(0),
      .width = rgb.size(2),
      .height = rgb.size(1),
      .samples = data<std::uint8_t>(samples),
      .picture = reinterpret_cast<const kernels::ConvertPicture*>(data<std::uint8_t>(pictures)),
      .rgb = data<std::uint8_t>(rgb)};
#ifdef TRECVIT_TORCH_CUDA
  if (rgb.is_cuda()) {
    const c10::cuda::CUDAGuard guard(rgb.device());
    kernels::convert_cuda(params, c10::cuda::getCurrentCUDAStream());
    return;
  }
#endif
  kernels::reference::convert(params);
}

}  // namespace trecvit::ops
