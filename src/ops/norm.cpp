#include "ops/norm.h"

#include <ATen/Parallel.h>

#include "kernels/norm/norm.h"
#include "kernels/norm/reference.h"
#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/norm/norm_cuda.h"
#endif

namespace trecvit::ops {
namespace {

using at::Tensor;
using kernels::NormBackward;
using kernels::NormForward;
using kernels::NormInputs;
using kernels::Wide;

template <class Io>
void fill_inputs(const Tensor& x, const Norm& norm, NormInputs<Io>& p) {
  p.kind = norm.kind;
  p.channels = x.size(-1), p.rows = x.numel() / p.channels;
  p.x = data<Io>(x), p.scale = data<Wide<Io>>(norm.scale), p.bias = data<Wide<Io>>(norm.bias);
}

class NormFunction : public torch::autograd::Function<NormFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& scale,
                        const std::optional<Tensor>& bias, std::int64_t kind) {
    const Norm norm{static_cast<NormKind>(kind), scale, bias.value_or(Tensor())};
    NormStatistics statistics;
    const Tensor y = norm_forward(x, norm, &statistics);
    context->saved_data["kind"] = kind;
    context->save_for_backward({x, scale, norm.bias, statistics.mean, statistics.inverse});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto s = context->get_saved_variables();
    const Norm norm{static_cast<NormKind>(context->saved_data["kind"].toInt()), s[1], s[2]};
    const NormGradients g = norm_backward(s[0], norm, {s[3], s[4]}, grads[0].contiguous(), {}, /*want_y=*/false);
    return {g.x, g.scale, g.bias, Tensor()};
  }
};

}  // namespace

Tensor norm_forward(const Tensor& x, const Norm& norm, NormStatistics* statistics) {
  Tensor y = at::empty_like(x);
  if (statistics) {
    statistics->inverse = at::empty({x.numel() / x.size(-1)}, norm.scale.options());
    if (norm.kind == NormKind::kLayer) statistics->mean = at::empty_like(statistics->inverse);
  }
  with_element_type(x, [&]<class Io>(Io) {
    NormForward<Io> p;
    fill_inputs(x, norm, p);
    p.y = data<Io>(y);
    if (statistics) p.mean = data<Wide<Io>>(statistics->mean), p.inverse = data<Wide<Io>>(statistics->inverse);
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::norm_forward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (x.is_cuda()) {
        const c10::cuda::CUDAGuard guard(x.device());
        kernels::norm_forward_cuda(p, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      at::parallel_for(0, kernels::norm_cpu_tiles(p.rows), 1,
                       [&](std::int64_t begin, std::int64_t end) { kernels::norm_forward_cpu(p, begin, end); });
    }
  });
  return y;
}

NormGradients norm_backward(const Tensor& x, const Norm& norm, const NormStatistics& statistics, const Tensor& dy,
                            const Tensor& dskip, bool want_y) {
  NormGradients g{.x = at::empty_like(x), .scale = at::empty_like(norm.scale)};
  if (norm.kind == NormKind::kLayer) g.bias = at::empty_like(norm.scale);
  if (want_y) g.y = at::empty_like(x);
  with_element_type(x, [&]<class Io>(Io) {
    NormBackward<Io> p;
    fill_inputs(x, norm, p);
    p.mean = data<Wide<Io>>(statistics.mean), p.inverse = data<Wide<Io>>(statistics.inverse);
    p.dy = data<Io>(dy), p.dskip = data<Io>(dskip), p.dx = data<Io>(g.x), p.y = data<Io>(g.y);
    p.dscale = data<Wide<Io>>(g.scale), p.dbias = data<Wide<Io>>(g.bias);
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::norm_backward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (x.is_cuda()) {
        const c10::cuda::CUDAGuard guard(x.device());
        const Tensor partials = at::empty({kernels::norm_partials_cuda(p.rows, p.channels)}, norm.scale.options());
        p.partials = data<float>(partials);
        kernels::norm_backward_cuda(p, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      const Tensor partials = at::empty({kernels::norm_cpu_partials(p.rows, p.channels)}, norm.scale.options());
      p.partials = data<float>(partials);
      at::parallel_for(0, kernels::norm_cpu_tiles(p.rows), 1,
                       [&](std::int64_t begin, std::int64_t end) { kernels::norm_backward_cpu(p, begin, end); });
      kernels::norm_reduce_cpu(p);
    }
  });
  return g;
}

void check_norm(const char* op, const Tensor& x, const Norm& norm) {
  if (!x.defined() || x.dim() < 1 || x.numel() == 0) throw Error(op, ": x must be a tensor [..., C] with elements");
  check_served(op, x);
  const auto wide = wide_dtype(x.scalar_type());
  check_beside(op, "scale", norm.scale, {x.size(-1)}, wide, x);
  if (norm.kind == NormKind::kLayer) check_beside(op, "bias", norm.bias, {x.size(-1)}, wide, x);
  if (norm.kind == NormKind::kRms && norm.bias.defined()) throw Error(op, ": RMSNorm has no bias");
}

Tensor norm(const Tensor& x, const Norm& norm) {
  check_norm("norm", x, norm);
  const Tensor lines = x.contiguous();
  const Norm flat{norm.kind, norm.scale.contiguous(), contiguous_or_undefined(norm.bias)};
  if (!gradient_wanted(x, norm.scale, norm.bias)) return norm_forward(lines, flat, nullptr);
  return NormFunction::apply(lines, flat.scale, optional(flat.bias), static_cast<std::int64_t>(flat.kind));
}

}  // namespace trecvit::ops
