#include "ops/rms_norm.h"

#include <ATen/Parallel.h>

#include "kernels/rms_norm/reference.h"
#include "kernels/rms_norm/rms_norm.h"
#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/rms_norm/rms_norm_cuda.h"
#endif

namespace trecvit::ops {
namespace {

using at::Tensor;
using kernels::RmsNormBackward;
using kernels::RmsNormForward;
using kernels::Wide;

constexpr const char* kName = "rms_norm";

// y; `inverse` [M] receives the rows' factors unless it is undefined.
Tensor run_forward(const Tensor& x, const Tensor& scale, const Tensor& inverse) {
  Tensor y = at::empty_like(x);
  with_element_type(x, [&]<class Io>(Io) {
    RmsNormForward<Io> p;
    p.channels = x.size(-1), p.rows = x.numel() / p.channels;
    p.x = data<Io>(x), p.scale = data<Wide<Io>>(scale), p.y = data<Io>(y), p.inverse = data<Wide<Io>>(inverse);
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::rms_norm_forward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (x.is_cuda()) {
        const c10::cuda::CUDAGuard guard(x.device());
        kernels::rms_norm_forward_cuda(p, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      at::parallel_for(0, kernels::rms_norm_cpu_tiles(p.rows), 1,
                       [&](std::int64_t begin, std::int64_t end) { kernels::rms_norm_forward_cpu(p, begin, end); });
    }
  });
  return y;
}

struct Gradients {
  Tensor x, scale;
};

Gradients run_backward(const Tensor& x, const Tensor& scale, const Tensor& inverse, const Tensor& dy) {
  Gradients g{at::empty_like(x), at::empty_like(scale)};
  with_element_type(x, [&]<class Io>(Io) {
    RmsNormBackward<Io> p;
    p.channels = x.size(-1), p.rows = x.numel() / p.channels;
    p.x = data<Io>(x), p.scale = data<Wide<Io>>(scale), p.inverse = data<Wide<Io>>(inverse), p.dy = data<Io>(dy);
    p.dx = data<Io>(g.x), p.dscale = data<Wide<Io>>(g.scale);
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::rms_norm_backward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (x.is_cuda()) {
        const c10::cuda::CUDAGuard guard(x.device());
        const Tensor partials = at::empty({kernels::rms_norm_partials_cuda(p.rows, p.channels)}, scale.options());
        p.partials = data<float>(partials);
        kernels::rms_norm_backward_cuda(p, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      const Tensor partials = at::empty({kernels::rms_norm_cpu_partials(p.rows, p.channels)}, scale.options());
      p.partials = data<float>(partials);
      at::parallel_for(0, kernels::rms_norm_cpu_tiles(p.rows), 1,
                       [&](std::int64_t begin, std::int64_t end) { kernels::rms_norm_backward_cpu(p, begin, end); });
      kernels::rms_norm_reduce_cpu(p);
    }
  });
  return g;
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& scale) {
    const Tensor inverse = at::empty({x.numel() / x.size(-1)}, scale.options());
    context->save_for_backward({x, scale, inverse});
    return run_forward(x, scale, inverse);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto s = context->get_saved_variables();
    const Gradients g = run_backward(s[0], s[1], s[2], grads[0].contiguous());
    return {g.x, g.scale};
  }
};

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& scale) {
  if (!x.defined() || x.dim() < 1 || x.numel() == 0) throw Error(kName, ": x must be a tensor [..., C] with elements");
  check_served(kName, x);
  check_beside(kName, "scale", scale, {x.size(-1)}, wide_dtype(x.scalar_type()), x);
  const Tensor lines = x.contiguous();
  if (!gradient_wanted(x, scale)) return run_forward(lines, scale.contiguous(), Tensor());
  return RmsNorm::apply(lines, scale.contiguous());
}

}  // namespace trecvit::ops
