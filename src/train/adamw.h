// AdamW (Loshchilov and Hutter, arXiv 1711.05101) over one flat buffer, with clipping by the global norm.
#pragma once

#include <torch/torch.h>

namespace trecvit {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;  // decoupled: w -= lr * weight_decay * w
};

class AdamW {
 public:
  // `values` [n] fp32, of which the first `decayed` decay.
  AdamW(at::Tensor values, std::int64_t decayed, const AdamWOptions& options);

  // One update from `gradient` [n] fp32 of `loss` [] or [1] fp32, clipped to the norm `clip` (0: not clipped). Returns
  // the norm before clipping, [1] fp32, good until the next call; on a GPU nothing waits for it here. A loss that is
  // not finite makes the norm NaN. From the first norm that is not finite on, every call leaves values and moments
  // alone and returns a norm that is not finite: a caller may look late.
  at::Tensor step(const at::Tensor& gradient, const at::Tensor& loss, double lr, double clip = 0);

  at::Tensor mean, square;  // first and second moments [n] fp32
  std::int64_t steps = 0;

 private:
  void step_cpu(const at::Tensor& gradient, const at::Tensor& loss, double lr, double clip);
  void step_cuda(const at::Tensor& gradient, const at::Tensor& loss, double lr, double clip);

  at::Tensor values_, norm_;
  std::int64_t decayed_;
  AdamWOptions options_;
};

}  // namespace trecvit
