#include "ops/patches.h"

#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/patches/patches_cuda.h"
#endif

namespace trecvit::ops {

at::Tensor patchify(const at::Tensor& video, std::int64_t patch, at::ScalarType dtype) {
  if (video.dim() != 5 || video.size(4) != 3) throw Error("video must be [T, B, H, W, 3], not ", video.sizes());
  const std::int64_t t = video.size(0), b = video.size(1), rows = video.size(2) / patch,
                     columns = video.size(3) / patch;
  if (rows * patch != video.size(2) || columns * patch != video.size(3)) {
    throw Error("frames of ", video.size(2), "x", video.size(3), " pixels do not divide into patches of ", patch);
  }
#ifdef TRECVIT_TORCH_CUDA
  if (video.is_cuda() && video.scalar_type() == at::kByte && (dtype == at::kFloat || dtype == at::kBFloat16)) {
    const at::Tensor levels = video.contiguous();
    const at::Tensor patches = at::empty({t, b, rows * columns, patch * patch * 3}, video.options().dtype(dtype));
    const c10::cuda::CUDAGuard guard(video.device());
    with_element_type(patches, [&]<class Io>(Io) {
      if constexpr (!std::is_same_v<Io, double>) {
        kernels::patches_cuda<Io>({t * b, rows, columns, patch, data<std::uint8_t>(levels), data<Io>(patches)},
                                  c10::cuda::getCurrentCUDAStream());
      }
    });
    return patches;
  }
#endif
  const at::Tensor cut = video.reshape({t * b, rows, patch, columns, patch * 3})
                             .permute({0, 1, 3, 2, 4})
                             .reshape({t, b, rows * columns, patch * patch * 3});
  return video.scalar_type() == at::kByte ? cut.to(at::kFloat).mul_(1.0 / 255).to(dtype) : cut.to(dtype);
}

}  // namespace trecvit::ops
