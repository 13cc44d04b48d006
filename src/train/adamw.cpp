#include "train/adamw.h"

#include <cmath>

namespace trecvit {

AdamW::AdamW(at::Tensor values, std::int64_t decayed, const AdamWOptions& options)
    : mean(at::zeros_like(values)), square(at::zeros_like(values)), values_(values), decayed_(decayed), options_(options) {}

void AdamW::step(const at::Tensor& gradient, double lr, double scale) {
  const at::NoGradGuard no_grad;
  ++steps;
  const at::Tensor g = scale == 1 ? gradient : gradient * scale;
  mean.lerp_(g, 1 - options_.beta1);
  square.mul_(options_.beta2).addcmul_(g, g, 1 - options_.beta2);
  if (options_.weight_decay != 0) values_.narrow(0, 0, decayed_).mul_(1 - lr * options_.weight_decay);
  const double correction1 = 1 - std::pow(options_.beta1, static_cast<double>(steps));
  const double correction2 = 1 - std::pow(options_.beta2, static_cast<double>(steps));
  const at::Tensor denominator = square.sqrt().div_(std::sqrt(correction2)).add_(options_.epsilon);
  values_.addcdiv_(mean, denominator, -lr / correction1);
}

}  // namespace trecvit
