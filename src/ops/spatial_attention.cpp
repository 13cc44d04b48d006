#include "ops/spatial_attention.h"

#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/spatial_attention/spatial_attention_cuda.h"
#endif

namespace trecvit::ops {
namespace {

using at::Tensor;

// Keeps LibTorch from choosing cuDNN where that is wrong, for as long as this lives.
class CudnnGuard {
 public:
  explicit CudnnGuard(const Tensor& qkv) : allowed_(at::globalContext().userEnabledCuDNNSDP()) {
    if (allowed_ && qkv.is_cuda() && !cudnn_attention_is_right(at::Context::versionCuDNN(), qkv.size(1))) {
      at::globalContext().setSDPUseCuDNN(false);
    }
  }
  ~CudnnGuard() { at::globalContext().setSDPUseCuDNN(allowed_); }
  CudnnGuard(const CudnnGuard&) = delete;
  CudnnGuard& operator=(const CudnnGuard&) = delete;

 private:
  bool allowed_;
};

// Kernels that move 16 bytes at a time need whole addresses: ours, and LibTorch's, whose results are wrong at others.
Tensor aligned(const Tensor& x) {
  const Tensor lines = x.contiguous();
  return reinterpret_cast<std::uintptr_t>(lines.data_ptr()) % 16 == 0 ? lines : lines.clone();
}

Tensor composed(const Tensor& qkv) {
  const CudnnGuard guard(qkv);
  const Tensor parts = qkv.permute({2, 0, 3, 1, 4});  // [3, frames, H, N, D]
  return at::scaled_dot_product_attention(parts[0], parts[1], parts[2]).transpose(1, 2).flatten(2);
}

#ifdef TRECVIT_TORCH_CUDA
using kernels::Bf16;

template <class Params>
Params params_of(const Tensor& qkv) {
  Params p;
  p.frames = qkv.size(0), p.tokens = qkv.size(1), p.heads = qkv.size(3), p.head_width = qkv.size(4);
  p.qkv = data<Bf16>(qkv);
  return p;
}

// `lse` [frames, H, N] receives the rows' log-sum-exp unless it is undefined.
Tensor run_forward(const Tensor& qkv, const Tensor& lse) {
  const c10::cuda::CUDAGuard guard(qkv.device());
  Tensor out = at::empty({qkv.size(0), qkv.size(1), qkv.size(3) * qkv.size(4)}, qkv.options());
  auto p = params_of<kernels::SpatialAttentionForward<Bf16>>(qkv);
  p.out = data<Bf16>(out), p.lse = data<float>(lse);
  kernels::spatial_attention_forward_cuda(p, c10::cuda::getCurrentCUDAStream());
  return out;
}

class SpatialAttention : public torch::autograd::Function<SpatialAttention> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& qkv) {
    const Tensor lse = at::empty({qkv.size(0), qkv.size(3), qkv.size(1)}, qkv.options().dtype(at::kFloat));
    const Tensor out = run_forward(qkv, lse);
    context->save_for_backward({qkv, out, lse});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const c10::cuda::CUDAGuard guard(saved[0].device());
    const Tensor dout = aligned(grads[0]);
    Tensor dqkv = at::empty_like(saved[0]);
    auto p = params_of<kernels::SpatialAttentionBackward<Bf16>>(saved[0]);
    p.out = data<Bf16>(saved[1]), p.lse = data<float>(saved[2]), p.dout = data<Bf16>(dout), p.dqkv = data<Bf16>(dqkv);
    kernels::spatial_attention_backward_cuda(p, c10::cuda::getCurrentCUDAStream());
    return {dqkv};
  }
};

bool served(const Tensor& qkv) {
  if (!qkv.is_cuda() || qkv.scalar_type() != at::kBFloat16 || qkv.numel() == 0) return false;
  const c10::cuda::CUDAGuard guard(qkv.device());
  return kernels::spatial_attention_forward_served_cuda(qkv.size(1), qkv.size(4)) &&
         (!gradient_wanted(qkv) || kernels::spatial_attention_backward_served_cuda(qkv.size(1), qkv.size(4)));
}
#endif

}  // namespace

bool cudnn_attention_is_right(std::int64_t version, std::int64_t tokens) {
  return version >= 91501 || tokens % 128 == 0;
}

Tensor spatial_attention(const Tensor& qkv) {
  if (!qkv.defined() || qkv.dim() != 5 || qkv.size(2) != 3) {
    throw Error("spatial_attention: qkv must be a tensor [frames, N, 3, H, D]",
                qkv.defined() ? text("; its shape is ", qkv.sizes()) : "; it is undefined");
  }
#ifdef TRECVIT_TORCH_CUDA
  if (served(qkv)) {
    const Tensor lines = aligned(qkv);
    return gradient_wanted(lines) ? SpatialAttention::apply(lines) : run_forward(lines, Tensor());
  }
#endif
  return composed(qkv.is_cuda() ? aligned(qkv) : qkv);
}

}  // namespace trecvit::ops
