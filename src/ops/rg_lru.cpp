#include "ops/rg_lru.h"

#include <ATen/Parallel.h>

#include "kernels/rg_lru/reference.h"
#include "kernels/rg_lru/rg_lru.h"
#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/rg_lru/rg_lru_cuda.h"
#endif

namespace trecvit::ops {
namespace {

using at::Tensor;
using kernels::RgLruBackward;
using kernels::RgLruForward;
using kernels::RgLruInputs;
using kernels::Wide;

constexpr const char* kName = "rg_lru";

void check(const RgLruArgs& a) {
  check_time_major(kName, a.x);
  const auto dtype = a.x.scalar_type(), wide = wide_dtype(dtype);
  const auto shape = a.x.sizes();
  check_beside(kName, "input_logits", a.input_logits, shape, dtype, a.x);
  check_beside(kName, "a_logits", a.a_logits, shape, dtype, a.x);
  if (a.y.defined()) check_beside(kName, "y", a.y, shape, dtype, a.x);
  check_beside(kName, "input_bias", a.input_bias, {shape[2]}, wide, a.x);
  check_beside(kName, "a_bias", a.a_bias, {shape[2]}, wide, a.x);
  check_beside(kName, "a_param", a.a_param, {shape[2]}, wide, a.x);
  if (a.h0.defined()) check_beside(kName, "h0", a.h0, {shape[1], shape[2]}, wide, a.x);
  if (a.reset.defined()) check_beside(kName, "reset", a.reset, {shape[0], shape[1]}, at::kBool, a.x);
  if (a.h_last.defined()) check_overwritten(kName, "h_last", a.h_last, {shape[1], shape[2]}, wide, a.x);
}

// Every tensor contiguous, but for the rows of y.
RgLruArgs laid_out(const RgLruArgs& a) {
  return {.x = a.x.contiguous(),
          .input_logits = a.input_logits.contiguous(),
          .a_logits = a.a_logits.contiguous(),
          .y = a.y.defined() ? time_major(a.y).tensor : a.y,
          .input_bias = a.input_bias.contiguous(),
          .a_bias = a.a_bias.contiguous(),
          .a_param = a.a_param.contiguous(),
          .h0 = contiguous_or_undefined(a.h0),
          .reset = contiguous_or_undefined(a.reset),
          .h_last = a.h_last};
}

template <class Io>
void fill_inputs(const RgLruArgs& a, RgLruInputs<Io>& p) {
  p.frames = a.x.size(0), p.rows = a.x.size(1), p.channels = a.x.size(2);
  p.x = data<Io>(a.x);
  p.input_logits = data<Io>(a.input_logits);
  p.a_logits = data<Io>(a.a_logits);
  p.y = data<Io>(a.y);
  p.y_stride = a.y.defined() ? time_major(a.y).stride : 0;
  p.input_bias = data<Wide<Io>>(a.input_bias);
  p.a_bias = data<Wide<Io>>(a.a_bias);
  p.a_param = data<Wide<Io>>(a.a_param);
  p.h0 = data<Wide<Io>>(a.h0);
  p.reset = data<std::uint8_t>(a.reset);
}

}  // namespace

RgLruOutputs rg_lru_forward(const RgLruArgs& a, bool save_for_backward, const StreamPositions& positions) {
  RgLruOutputs o;
  o.out = at::empty_like(a.x);
  o.h_last = a.h_last.defined() ? a.h_last : at::empty({a.x.size(1), a.x.size(2)}, a.input_bias.options());
  if (save_for_backward) o.h = a.y.defined() ? at::empty_like(a.x) : o.out;
  with_element_type(a.x, [&]<class Io>(Io) {
    RgLruForward<Io> p;
    fill_inputs(a, p);
    p.streams = stream_rows(positions, p.rows);
    p.out = data<Io>(o.out);
    p.h_last = data<Wide<Io>>(o.h_last);
    p.h = save_for_backward && a.y.defined() ? data<Io>(o.h) : nullptr;
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::rg_lru_forward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (a.x.is_cuda()) {
        const c10::cuda::CUDAGuard guard(a.x.device());
        const auto plan = kernels::rg_lru_forward_plan_cuda(p);
        const Tensor scratch = at::empty({kernels::rg_lru_forward_scratch_cuda(p, plan)}, a.input_bias.options());
        p.scratch = data<float>(scratch);
        kernels::rg_lru_forward_cuda(p, plan, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      at::parallel_for(0, kernels::rg_lru_cpu_tiles(p.rows, p.channels), 1,
                       [&](std::int64_t begin, std::int64_t end) { kernels::rg_lru_forward_cpu(p, begin, end); });
    }
  });
  return o;
}

RgLruGradients rg_lru_backward(const RgLruArgs& a, const Tensor& h, const Tensor& dout, const Tensor& dh_last,
                               const Tensor& dy) {
  RgLruGradients g;
  g.x = at::empty_like(a.x);
  g.input_logits = at::empty_like(a.x);
  g.a_logits = at::empty_like(a.x);
  if (a.y.defined()) g.y = dy.defined() ? dy : at::empty_like(a.x);
  g.input_bias = at::empty_like(a.input_bias);
  g.a_bias = at::empty_like(a.a_bias);
  g.a_param = at::empty_like(a.a_param);
  g.h0 = at::empty({a.x.size(1), a.x.size(2)}, a.input_bias.options());
  with_element_type(a.x, [&]<class Io>(Io) {
    RgLruBackward<Io> p;
    fill_inputs(a, p);
    p.h = data<Io>(h);
    p.dout = data<Io>(dout);
    p.dh_last = data<Wide<Io>>(dh_last);
    p.dx = data<Io>(g.x);
    p.dinput_logits = data<Io>(g.input_logits);
    p.da_logits = data<Io>(g.a_logits);
    p.dy = data<Io>(g.y);
    p.dy_stride = a.y.defined() ? time_major(g.y).stride : 0;
    p.dh0 = data<Wide<Io>>(g.h0);
    p.dinput_bias = data<Wide<Io>>(g.input_bias);
    p.da_bias = data<Wide<Io>>(g.a_bias);
    p.da_param = data<Wide<Io>>(g.a_param);
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::rg_lru_backward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (a.x.is_cuda()) {
        const c10::cuda::CUDAGuard guard(a.x.device());
        const auto plan = kernels::rg_lru_backward_plan_cuda(p);
        const Tensor partials = at::empty({kernels::rg_lru_backward_partials_cuda(p, plan)}, a.input_bias.options());
        p.partials = data<float>(partials);
        kernels::rg_lru_backward_cuda(p, plan, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      const Tensor partials = at::empty({kernels::rg_lru_cpu_partials(p.rows, p.channels)}, a.input_bias.options());
      p.partials = data<float>(partials);
      at::parallel_for(0, kernels::rg_lru_cpu_tiles(p.rows, p.channels), 1,
                       [&](std::int64_t begin, std::int64_t end) { kernels::rg_lru_backward_cpu(p, begin, end); });
      kernels::rg_lru_reduce_cpu(p);
    }
  });
  if (!a.h0.defined()) g.h0 = Tensor();
  return g;
}

namespace {

class RgLru : public torch::autograd::Function<RgLru> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const Tensor& x,
                                                const Tensor& input_logits, const Tensor& a_logits,
                                                const std::optional<Tensor>& y, const Tensor& input_bias,
                                                const Tensor& a_bias, const Tensor& a_param,
                                                const std::optional<Tensor>& h0, const std::optional<Tensor>& reset) {
    const RgLruArgs a{x,
                      input_logits,
                      a_logits,
                      y.value_or(Tensor()),
                      input_bias,
                      a_bias,
                      a_param,
                      h0.value_or(Tensor()),
                      reset.value_or(Tensor())};
    const RgLruOutputs o = rg_lru_forward(a, /*save_for_backward=*/true);
    context->set_materialize_grads(false);
    context->save_for_backward({x, input_logits, a_logits, a.y, input_bias, a_bias, a_param, a.h0, a.reset, o.h});
    return {o.out, o.h_last};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto s = context->get_saved_variables();
    const RgLruArgs a{s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]};
    const Tensor dout = grads[0].defined() ? grads[0].contiguous() : at::zeros_like(a.x);
    const RgLruGradients g = rg_lru_backward(a, s[9], dout, contiguous_or_undefined(grads[1]));
    return {g.x, g.input_logits, g.a_logits, g.y, g.input_bias, g.a_bias, g.a_param, g.h0, Tensor()};
  }
};

}  // namespace

RgLruResult rg_lru(const RgLruArgs& args) {
  check(args);
  const RgLruArgs a = laid_out(args);
  if (!gradient_wanted(a.x, a.input_logits, a.a_logits, a.y, a.input_bias, a.a_bias, a.a_param, a.h0)) {
    const RgLruOutputs o = rg_lru_forward(a, /*save_for_backward=*/false);
    return {o.out, o.h_last};
  }
  if (a.h_last.defined()) throw Error(kName, ": h_last cannot be given while gradients are recorded");
  const auto results = RgLru::apply(a.x, a.input_logits, a.a_logits, optional(a.y), a.input_bias, a.a_bias, a.a_param,
                                    optional(a.h0), optional(a.reset));
  return {results[0], results[1]};
}

}  // namespace trecvit::ops
