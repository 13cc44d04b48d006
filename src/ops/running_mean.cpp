#include "ops/running_mean.h"

#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/running_mean/running_mean_cuda.h"
#endif

namespace trecvit::ops {

using at::Tensor;

void running_mean(const Tensor& x, const Tensor& seen, Tensor out, Tensor sum, Tensor mean) {
  constexpr const char* kName = "running_mean";
  check_time_major(kName, x);
  const std::int64_t frames = x.size(0), streams = x.size(1), width = x.size(2);
  check_beside(kName, "seen", seen, {streams}, at::kLong, x);
  check_overwritten(kName, "out", out, x.sizes(), x.scalar_type(), x);
  check_overwritten(kName, "sum", sum, {streams, width}, at::kDouble, x);
  check_overwritten(kName, "mean", mean, {streams, width}, x.scalar_type(), x);
  const at::NoGradGuard no_grad;
#ifdef TRECVIT_TORCH_CUDA
  if (x.is_cuda()) {
    const c10::cuda::CUDAGuard guard(x.device());
    const Tensor lines = x.contiguous(), counts = seen.contiguous();
    with_element_type(x, [&]<class Io>(Io) {
      if constexpr (!std::is_same_v<Io, double>) {
        kernels::running_mean_cuda<Io>({frames, streams, width, data<Io>(lines), data<std::int64_t>(counts),
                                        data<Io>(out), data<double>(sum), data<Io>(mean)},
                                       c10::cuda::getCurrentCUDAStream());
      }
    });
    return;
  }
#endif
  at::tanh_out(out, x);
  for (std::int64_t t = 0; t < frames; ++t) sum.add_(out[t]);
  at::div_out(mean, sum, seen.unsqueeze(1));
}

}  // namespace trecvit::ops
