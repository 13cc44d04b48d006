#include "ops/causal_conv1d.h"

#include <ATen/Parallel.h>

#include "kernels/causal_conv1d/causal_conv1d.h"
#include "kernels/causal_conv1d/reference.h"
#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/causal_conv1d/causal_conv1d_cuda.h"
#endif

namespace trecvit::ops {
namespace {

using at::Tensor;
using kernels::CausalConv1dBackward;
using kernels::CausalConv1dForward;
using kernels::CausalConv1dInputs;
using kernels::kConvState;
using kernels::kConvWidth;
using kernels::Wide;

constexpr const char* kName = "causal_conv1d";

template <class Io>
void fill_inputs(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& state, CausalConv1dInputs<Io>& p) {
  p.frames = x.size(0), p.rows = x.size(1), p.channels = x.size(2);
  p.z = data<Io>(x);
  p.z_stride = time_major(x).stride;
  p.w = data<Wide<Io>>(w);
  p.b = data<Wide<Io>>(b);
  p.state = data<Io>(state);
}

std::vector<std::int64_t> state_shape(const Tensor& x) { return {x.size(1), kConvState, x.size(2)}; }

}  // namespace

CausalConv1dResult causal_conv1d_forward(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& state,
                                         const Tensor& state_out, const StreamPositions& positions) {
  const CausalConv1dResult result{at::empty(x.sizes(), x.options()),
                                  state_out.defined() ? state_out : at::empty(state_shape(x), x.options())};
  with_element_type(x, [&]<class Io>(Io) {
    CausalConv1dForward<Io> p;
    fill_inputs(x, w, b, state, p);
    p.streams = stream_rows(positions, p.rows);
    p.out = data<Io>(result.out);
    p.state_out = data<Io>(result.state);
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::causal_conv1d_forward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (x.is_cuda()) {
        const c10::cuda::CUDAGuard guard(x.device());
        kernels::causal_conv1d_forward_cuda(p, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      at::parallel_for(0, kernels::causal_conv1d_cpu_tiles(p.rows), 1, [&](std::int64_t begin, std::int64_t end) {
        kernels::causal_conv1d_forward_cpu(p, begin, end);
      });
    }
  });
  return result;
}

CausalConv1dGradients causal_conv1d_backward(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& state,
                                             const Tensor& dout, const Tensor& dstate_out, const Tensor& dx) {
  CausalConv1dGradients g{dx.defined() ? dx : at::empty(x.sizes(), x.options()), at::empty_like(w), at::empty_like(b),
                          Tensor()};
  if (state.defined()) g.state = at::empty_like(state);
  with_element_type(x, [&]<class Io>(Io) {
    CausalConv1dBackward<Io> p;
    fill_inputs(x, w, b, state, p);
    p.dout = data<Io>(dout);
    p.dstate_out = data<Io>(dstate_out);
    p.dz = data<Io>(g.x);
    p.dz_stride = time_major(g.x).stride;
    p.dstate = data<Io>(g.state);
    p.dw = data<Wide<Io>>(g.w);
    p.db = data<Wide<Io>>(g.b);
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::causal_conv1d_backward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (x.is_cuda()) {
        const c10::cuda::CUDAGuard guard(x.device());
        const Tensor partials = at::empty({kernels::causal_conv1d_partials_cuda(p)}, w.options());
        p.partials = data<float>(partials);
        kernels::causal_conv1d_backward_cuda(p, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      const Tensor partials = at::empty({kernels::causal_conv1d_cpu_partials(p.rows, p.channels)}, w.options());
      p.partials = data<float>(partials);
      at::parallel_for(0, kernels::causal_conv1d_cpu_tiles(p.rows), 1, [&](std::int64_t begin, std::int64_t end) {
        kernels::causal_conv1d_backward_cpu(p, begin, end);
      });
      kernels::causal_conv1d_reduce_cpu(p);
    }
  });
  return g;
}

namespace {

class CausalConv1d : public torch::autograd::Function<CausalConv1d> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const Tensor& x,
                                                const Tensor& w, const Tensor& b, const std::optional<Tensor>& given) {
    const Tensor state = given.value_or(Tensor());
    context->set_materialize_grads(false);
    context->save_for_backward({x, w, b, state});
    const CausalConv1dResult result = causal_conv1d_forward(x, w, b, state);
    return {result.out, result.state};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto s = context->get_saved_variables();
    const Tensor dout = grads[0].defined() ? grads[0].contiguous() : at::zeros(s[0].sizes(), s[0].options());
    const auto g = causal_conv1d_backward(s[0], s[1], s[2], s[3], dout, contiguous_or_undefined(grads[1]));
    return {g.x, g.w, g.b, g.state};
  }
};

void check(const Tensor& x, const Tensor& w, const Tensor& b) {
  check_time_major(kName, x);
  const auto wide = wide_dtype(x.scalar_type());
  check_beside(kName, "w", w, {kConvWidth, x.size(2)}, wide, x);
  check_beside(kName, "b", b, {x.size(2)}, wide, x);
}

}  // namespace

CausalConv1dResult causal_conv1d(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& state) {
  check(x, w, b);
  if (state.defined()) check_beside(kName, "state", state, state_shape(x), x.scalar_type(), x);
  const Tensor lines = time_major(x).tensor, before = contiguous_or_undefined(state);
  if (!gradient_wanted(x, w, b, state)) return causal_conv1d_forward(lines, w.contiguous(), b.contiguous(), before);
  const auto results = CausalConv1d::apply(lines, w.contiguous(), b.contiguous(), optional(before));
  return {results[0], results[1]};
}

Tensor causal_conv1d_step(const Tensor& x, const Tensor& w, const Tensor& b, Tensor state) {
  check(x, w, b);
  check_overwritten(kName, "state", state, state_shape(x), x.scalar_type(), x);
  const at::NoGradGuard no_grad;
  return causal_conv1d_forward(time_major(x).tensor, w.contiguous(), b.contiguous(), state, state).out;
}

}  // namespace trecvit::ops
