#include "train/adamw.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/adamw/adamw_cuda.h"
#endif

namespace trecvit {

AdamW::AdamW(at::Tensor values, std::int64_t decayed, const AdamWOptions& options)
    : mean(at::zeros_like(values)),
      square(at::zeros_like(values)),
      values_(std::move(values)),
      norm_(at::zeros({1}, values_.options())),
      decayed_(decayed),
      options_(options) {}

at::Tensor AdamW::step(const at::Tensor& gradient, const at::Tensor& loss, double lr, double clip) {
  const at::NoGradGuard no_grad;
  ensure(loss.numel() == 1 && loss.scalar_type() == at::kFloat && loss.device() == values_.device(), "a loss of ",
         loss.numel(), " numbers on ", loss.device());
  ++steps;
  values_.is_cuda() ? step_cuda(gradient, loss, lr, clip) : step_cpu(gradient, loss, lr, clip);
  return norm_;
}

// The formulas of kernels/adamw/params.h.
void AdamW::step_cpu(const at::Tensor& gradient, const at::Tensor& loss, double lr, double clip) {
  if (std::isfinite(norm_.item<float>())) norm_.fill_(gradient.norm());
  if (!std::isfinite(loss.item<float>())) norm_.fill_(std::numeric_limits<float>::quiet_NaN());
  const double norm = norm_.item<double>();
  if (!std::isfinite(norm)) return;
  const at::Tensor g = clip > 0 && norm > clip ? gradient * (clip / norm) : gradient;
  mean.lerp_(g, 1 - options_.beta1);
  square.mul_(options_.beta2).addcmul_(g, g, 1 - options_.beta2);
  if (options_.weight_decay != 0) values_.narrow(0, 0, decayed_).mul_(1 - lr * options_.weight_decay);
  const double correction1 = 1 - std::pow(options_.beta1, static_cast<double>(steps));
  const double correction2 = 1 - std::pow(options_.beta2, static_cast<double>(steps));
  const at::Tensor denominator = square.sqrt().div_(std::sqrt(correction2)).add_(options_.epsilon);
  values_.addcdiv_(mean, denominator, -lr / correction1);
}

void AdamW::step_cuda(const at::Tensor& gradient, const at::Tensor& loss, double lr, double clip) {
#ifdef TRECVIT_TORCH_CUDA
  const c10::cuda::CUDAGuard guard(values_.device());
  const auto stream = c10::cuda::getCurrentCUDAStream();
  const at::Tensor partials = at::empty({kernels::gradient_norm_partials_cuda()}, values_.options());
  kernels::gradient_norm_cuda(gradient.data_ptr<float>(), gradient.numel(), loss.data_ptr<float>(),
                              partials.data_ptr<float>(), norm_.data_ptr<float>(), stream);
  kernels::adamw_cuda({.count = values_.numel(),
                       .decayed = decayed_,
                       .step = steps,
                       .lr = lr,
                       .clip = clip,
                       .beta1 = options_.beta1,
                       .beta2 = options_.beta2,
                       .epsilon = options_.epsilon,
                       .weight_decay = options_.weight_decay,
                       .gradient = gradient.data_ptr<float>(),
                       .norm = norm_.data_ptr<float>(),
                       .value = values_.data_ptr<float>(),
                       .mean = mean.data_ptr<float>(),
                       .square = square.data_ptr<float>()},
                      stream);
  values_.unsafeGetTensorImpl()->bump_version();  // the kernel wrote behind LibTorch's back
#else
  (void)gradient, (void)loss, (void)lr, (void)clip;
  throw InternalError("AdamW on ", values_.device(), " in a build without CUDA kernels");
#endif
}

}  // namespace trecvit
