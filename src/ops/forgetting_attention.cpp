#include "ops/forgetting_attention.h"

#include <ATen/Parallel.h>

#include "kernels/forgetting_attention/forgetting_attention.h"
#include "kernels/forgetting_attention/reference.h"
#include "kernels/forgetting_attention/threshold.h"
#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/forgetting_attention/forgetting_attention_cuda.h"
#endif

namespace trecvit::ops {
namespace {

using at::Tensor;
using kernels::Bf16;
using kernels::ForgettingAttentionBackward;
using kernels::ForgettingAttentionForward;
using kernels::ForgettingAttentionInputs;
using kernels::ForgettingStep;
using kernels::Wide;

constexpr const char* kName = "forgetting_attention";

void check(const ForgettingAttentionArgs& a) {
  if (!a.q.defined() || a.q.dim() != 4 || a.q.numel() == 0) {
    throw Error(kName, ": q must be a tensor [M, rows, H, D] with M, rows, H, D >= 1",
                a.q.defined() ? text("; its shape is ", a.q.sizes()) : "; it is undefined");
  }
  check_served(kName, a.q);
  const auto dtype = a.q.scalar_type();
  const auto shape = a.q.sizes();
  if (!a.k.defined() || a.k.dim() != 4 || a.k.size(0) < shape[0]) {
    throw Error(kName, ": k must be a tensor [N, rows, H, D] with N >= M = ", shape[0],
                a.k.defined() ? text("; its shape is ", a.k.sizes()) : "; it is undefined");
  }
  const std::int64_t keys = a.k.size(0);
  check_beside(kName, "k", a.k, {keys, shape[1], shape[2], shape[3]}, dtype, a.q);
  check_beside(kName, "v", a.v, a.k.sizes(), dtype, a.q);
  check_beside(kName, "log_f", a.log_f, {keys, shape[1], shape[2]}, wide_dtype(dtype), a.q);
  kernels::check_forgetting_threshold(a.threshold);
}

#ifdef TRECVIT_TORCH_CUDA
// Error unless the device of `x` has a kernel.
void check_width(const Tensor& x, bool backward) {
  if (!x.is_cuda()) return;
  const c10::cuda::CUDAGuard guard(x.device());
  const bool served = x.scalar_type() == at::kFloat
                          ? kernels::forgetting_attention_served_cuda<float>(x.size(3), backward)
                          : kernels::forgetting_attention_served_cuda<Bf16>(x.size(3), backward);
  if (served) return;
  throw Error(kName,
              ": on CUDA the head width must be 16, 32, 64 or 128, bf16 wants compute capability 8.0, and wide "
              "heads in fp32 more shared memory than small GPUs have; here it is ",
              x.size(3), " in ", x.scalar_type());
}
#endif

// Lines [H, D] of adjacent numbers at one distance, beginning at multiples of 16 bytes; a copy where x has none.
Tensor lines_of(const Tensor& x) {
  const bool adjacent = x.stride(3) == 1 && x.stride(2) == x.size(3);
  const std::int64_t stride = x.size(1) > 1 ? x.stride(1) : x.stride(0);
  const bool even = x.size(0) == 1 || x.size(1) == 1 || x.stride(0) == x.size(1) * stride;
  const bool single = x.size(0) * x.size(1) == 1;
  const auto bytes = static_cast<std::int64_t>(x.element_size());
  const bool aligned = reinterpret_cast<std::uintptr_t>(x.data_ptr()) % 16 == 0 && (single || stride * bytes % 16 == 0);
  if (adjacent && even && stride >= x.size(2) * x.size(3) && (aligned || x.is_cpu())) return x;
  const Tensor whole = x.contiguous();
  return whole.is_cuda() && reinterpret_cast<std::uintptr_t>(whole.data_ptr()) % 16 != 0 ? whole.clone() : whole;
}
std::int64_t stride_of(const Tensor& lines) { return lines.size(1) > 1 ? lines.stride(1) : lines.stride(0); }

template <class Io>
void fill_inputs(const ForgettingAttentionArgs& a, const Tensor& decays, ForgettingAttentionInputs<Io>& p) {
  p.queries = a.q.size(0), p.rows = a.q.size(1), p.heads = a.q.size(2), p.head_width = a.q.size(3);
  p.keys = a.k.size(0);
  p.q = data<Io>(a.q), p.k = data<Io>(a.k), p.v = data<Io>(a.v);
  p.q_stride = stride_of(a.q), p.k_stride = stride_of(a.k), p.v_stride = stride_of(a.v);
  p.log_f = data<Wide<Io>>(a.log_f);
  p.threshold = kernels::rounded_down(a.threshold);
  p.decays = data<void>(decays);
}

Tensor bytes_beside(const Tensor& x, std::int64_t bytes) { return at::empty({bytes}, x.options().dtype(at::kByte)); }

// Derived from log_f, read by forward and backward; undefined where they read log_f itself.
Tensor decays_of(const ForgettingAttentionArgs& a) {
  Tensor decays;
  with_element_type(a.q, [&]<class Io>(Io) {
    if constexpr (!std::is_same_v<Io, double>) {
      ForgettingAttentionInputs<Io> p;
      fill_inputs(a, decays, p);
#ifdef TRECVIT_TORCH_CUDA
      if (a.q.is_cuda()) {
        const c10::cuda::CUDAGuard guard(a.q.device());
        decays = bytes_beside(a.q, kernels::forgetting_decays_bytes_cuda(p));
        kernels::forgetting_decays_cuda(p, data<void>(decays), c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      decays = at::empty({p.cells(), p.keys}, a.q.options().dtype(at::kDouble));
      at::parallel_for(0, p.cells(), 1, [&](std::int64_t begin, std::int64_t end) {
        kernels::forgetting_decays_cpu(p.log_f, p.cells(), p.keys, data<double>(decays), begin, end);
      });
    }
  });
  return decays;
}

// `lse` receives one number per query unless it is undefined.
Tensor run_forward(const ForgettingAttentionArgs& a, const Tensor& decays, const Tensor& lse) {
  const Tensor out = at::empty(a.q.sizes(), a.q.options());
  with_element_type(a.q, [&]<class Io>(Io) {
    ForgettingAttentionForward<Io> p;
    fill_inputs(a, decays, p);
    p.out = data<Io>(out), p.lse = data<Wide<Io>>(lse);
    if constexpr (std::is_same_v<Io, double>) {
      kernels::reference::forgetting_attention_forward(p);
    } else {
#ifdef TRECVIT_TORCH_CUDA
      if (a.q.is_cuda()) {
        const c10::cuda::CUDAGuard guard(a.q.device());
        kernels::forgetting_attention_forward_cuda(p, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      at::parallel_for(0, p.cells() * p.query_tiles(), 1, [&](std::int64_t begin, std::int64_t end) {
        kernels::forgetting_attention_forward_cpu(p, begin, end);
      });
    }
  });
  return out;
}

class ForgettingAttention : public torch::autograd::Function<ForgettingAttention> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& log_f, double threshold) {
    const ForgettingAttentionArgs a{q, k, v, log_f, threshold};
    const Tensor decays = decays_of(a), lse = at::empty({q.size(1), q.size(2), q.size(0)}, log_f.options());
    const Tensor out = run_forward(a, decays, lse);
    context->saved_data["threshold"] = threshold;
    context->save_for_backward({q, k, v, log_f, decays, out, lse});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto s = context->get_saved_variables();
    const ForgettingAttentionArgs a{s[0], s[1], s[2], s[3], context->saved_data["threshold"].toDouble()};
    // As whole lines, whose stride is that of the tensor.
    Tensor dout = grads[0].contiguous();
    if (dout.is_cuda() && reinterpret_cast<std::uintptr_t>(dout.data_ptr()) % 16 != 0) dout = dout.clone();
    const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
    const Tensor dq = like(a.q), dk = like(a.k), dv = like(a.v), dlog_f = like(a.log_f);
    with_element_type(a.q, [&]<class Io>(Io) {
      ForgettingAttentionBackward<Io> p;
      fill_inputs(a, s[4], p);
      p.out = data<Io>(s[5]), p.lse = data<Wide<Io>>(s[6]), p.dout = data<Io>(dout);
      p.dq = data<Io>(dq), p.dk = data<Io>(dk), p.dv = data<Io>(dv), p.dlog_f = data<Wide<Io>>(dlog_f);
      p.dq_stride = p.dk_stride = p.dv_stride = p.heads * p.head_width;
      if constexpr (std::is_same_v<Io, double>) {
        kernels::reference::forgetting_attention_backward(p);
      } else {
#ifdef TRECVIT_TORCH_CUDA
        if (a.q.is_cuda()) {
          const c10::cuda::CUDAGuard guard(a.q.device());
          const Tensor scratch = bytes_beside(a.q, kernels::forgetting_backward_bytes_cuda(p));
          p.scratch = data<void>(scratch);
          kernels::forgetting_attention_backward_cuda(p, c10::cuda::getCurrentCUDAStream());
          return;
        }
#endif
        at::parallel_for(0, p.cells(), 1, [&](std::int64_t begin, std::int64_t end) {
          kernels::forgetting_attention_backward_cpu(p, begin, end);
        });
      }
    });
    return {dq, dk, dv, dlog_f, Tensor()};
  }
};

void check_step(const ForgettingStepArgs& a, const ForgettingState& s) {
  constexpr const char* kStep = "forgetting_attention_step";
  if (!a.q.defined() || a.q.dim() != 3 || a.q.numel() == 0) {
    throw Error(kStep, ": q must be a tensor [rows, H, D] with rows, H, D >= 1",
                a.q.defined() ? text("; its shape is ", a.q.sizes()) : "; it is undefined");
  }
  check_served(kStep, a.q);
  const auto dtype = a.q.scalar_type();
  if (dtype == at::kDouble) throw Error(kStep, ": q is ", dtype, "; a stream is fp32 or bf16");
  const std::int64_t rows = a.q.size(0), heads = a.q.size(1), width = a.q.size(2);
  check_beside(kStep, "k", a.k, a.q.sizes(), dtype, a.q);
  check_beside(kStep, "v", a.v, a.q.sizes(), dtype, a.q);
  check_beside(kStep, "log_f", a.log_f, {rows, heads}, at::kFloat, a.q);
  if (!s.keys.defined() || s.keys.dim() != 4 || s.keys.size(2) < 1) {
    throw Error(kStep, ": the state's keys must be a tensor [rows, H, W, D] with a window W >= 1");
  }
  const std::int64_t window = s.keys.size(2);
  check_overwritten(kStep, "keys", s.keys, {rows, heads, window, width}, dtype, a.q);
  check_overwritten(kStep, "values", s.values, {rows, heads, window, width}, dtype, a.q);
  check_overwritten(kStep, "c", s.c, {rows, heads, window}, at::kDouble, a.q);
  check_overwritten(kStep, "first", s.first, {rows, heads}, at::kLong, a.q);
  check_overwritten(kStep, "next", s.next, {rows, heads}, at::kLong, a.q);
  check_overwritten(kStep, "lost", s.lost, {rows, heads}, at::kDouble, a.q);
  check_overwritten(kStep, "worst", s.worst, {rows, heads}, at::kDouble, a.q);
  if (!(a.bound >= 0) || !std::isfinite(a.bound)) {
    throw Error(kStep, ": the bound of the logits is ", a.bound, "; it must be a finite number from 0 on");
  }
  const std::int64_t vector = 16 / static_cast<std::int64_t>(a.q.element_size());
  if (a.q.is_cuda() && (width % vector != 0 || width > 128)) {
    throw Error(kStep, ": on CUDA the head width must be a multiple of ", vector, " up to 128; it is ", width);
  }
}

}  // namespace

Tensor forgetting_attention(const ForgettingAttentionArgs& args) {
  check(args);
  const bool gradient = gradient_wanted(args.q, args.k, args.v, args.log_f);
#ifdef TRECVIT_TORCH_CUDA
  check_width(args.q, gradient);
#endif
  const ForgettingAttentionArgs a{lines_of(args.q), lines_of(args.k), lines_of(args.v), args.log_f.contiguous(),
                                  args.threshold};
  if (gradient) return ForgettingAttention::apply(a.q, a.k, a.v, a.log_f, a.threshold);
  return run_forward(a, decays_of(a), Tensor());
}

double forgetting_threshold(double bound, std::int64_t keys) { return kernels::forgetting_threshold(bound, keys); }

ForgettingState forgetting_state(std::int64_t rows, std::int64_t heads, std::int64_t window, std::int64_t head_width,
                                 const at::TensorOptions& options) {
  if (window < 1) throw Error(kName, ": a stream's window is ", window, "; it must be at least 1");
  const auto ring = [&] { return at::zeros({rows, heads, window, head_width}, options); };
  const auto zeros = [&](at::IntArrayRef shape, at::ScalarType type) { return at::zeros(shape, options.dtype(type)); };
  return {.keys = ring(),
          .values = ring(),
          .c = zeros({rows, heads, window}, at::kDouble),
          .first = zeros({rows, heads}, at::kLong),
          .next = zeros({rows, heads}, at::kLong),
          .lost = zeros({rows, heads}, at::kDouble),
          .worst = zeros({rows, heads}, at::kDouble)};
}

Tensor forgetting_attention_step(const ForgettingStepArgs& args, const ForgettingState& state) {
  check_step(args, state);
  const auto lines = [](const Tensor& x) { return lines_of(x.unsqueeze(0)); };
  const Tensor q = lines(args.q), k = lines(args.k), v = lines(args.v), log_f = args.log_f.contiguous();
  const Tensor out = at::empty(args.q.sizes(), args.q.options());
  with_element_type(args.q, [&]<class Io>(Io) {
    if constexpr (!std::is_same_v<Io, double>) {
      ForgettingStep<Io> p{
          .rows = q.size(1), .heads = q.size(2), .head_width = q.size(3), .window = state.keys.size(2)};
      p.q = data<Io>(q), p.k = data<Io>(k), p.v = data<Io>(v), p.log_f = data<float>(log_f);
      p.q_stride = stride_of(q), p.k_stride = stride_of(k), p.v_stride = stride_of(v);
      // Never below what was promised.
      p.bound = -kernels::rounded_down(-args.bound);
      p.keys = data<Io>(state.keys), p.values = data<Io>(state.values), p.c = data<double>(state.c);
      p.first = data<std::int64_t>(state.first), p.next = data<std::int64_t>(state.next);
      p.lost = data<double>(state.lost), p.worst = data<double>(state.worst), p.out = data<Io>(out);
#ifdef TRECVIT_TORCH_CUDA
      if (q.is_cuda()) {
        const c10::cuda::CUDAGuard guard(q.device());
        kernels::forgetting_attention_step_cuda(p, c10::cuda::getCurrentCUDAStream());
        return;
      }
#endif
      at::parallel_for(0, p.rows * p.heads, 1, [&](std::int64_t begin, std::int64_t end) {
        kernels::forgetting_attention_step_cpu(p, begin, end);
      });
    }
  });
  return out;
}

}  // namespace trecvit::ops
