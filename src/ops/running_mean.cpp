#include "ops/running_mean.h"

#include <algorithm>

#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/running_mean/running_mean_cuda.h"
#endif

namespace trecvit::ops {

using at::Tensor;

void running_mean(const Tensor& x, const StreamPositions& positions, Tensor out, Tensor sum, Tensor mean) {
  constexpr const char* kName = "running_mean";
  check_time_major(kName, x);
  const std::int64_t frames = x.size(0), streams = x.size(1), width = x.size(2);
  const Tensor &slots = positions.slots, &before = positions.frames_before;
  check_overwritten(kName, "frames_before", before, {streams}, at::kLong, x);
  if (slots.defined()) check_overwritten(kName, "slots", slots, {streams}, at::kLong, x);
  const std::int64_t all_slots = sum.defined() && sum.dim() == 2 ? std::max(sum.size(0), streams) : streams;
  check_overwritten(kName, "out", out, x.sizes(), x.scalar_type(), x);
  check_overwritten(kName, "sum", sum, {all_slots, width}, at::kDouble, x);
  check_overwritten(kName, "mean", mean, {streams, width}, x.scalar_type(), x);
  const at::NoGradGuard no_grad;
#ifdef TRECVIT_TORCH_CUDA
  if (x.is_cuda()) {
    const c10::cuda::CUDAGuard guard(x.device());
    const Tensor lines = x.contiguous();
    with_element_type(x, [&]<class Io>(Io) {
      if constexpr (!std::is_same_v<Io, double>) {
        kernels::running_mean_cuda<Io>({.frames = frames,
                                        .streams = streams,
                                        .width = width,
                                        .x = data<Io>(lines),
                                        .slots = data<std::int64_t>(slots),
                                        .frames_before = data<std::int64_t>(before),
                                        .out = data<Io>(out),
                                        .sum = data<double>(sum),
                                        .mean = data<Io>(mean)},
                                       c10::cuda::getCurrentCUDAStream());
      }
    });
    return;
  }
#endif
  at::tanh_out(out, x);
  Tensor own = slots.defined() ? sum.index_select(0, slots) : sum.narrow(0, 0, streams);
  for (std::int64_t t = 0; t < frames; ++t) own.add_(out[t]);
  if (slots.defined()) sum.index_copy_(0, slots, own);
  at::div_out(mean, own, (before + frames).unsqueeze(1));
}

}  // namespace trecvit::ops
