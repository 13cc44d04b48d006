// AdamW (Loshchilov and Hutter, arXiv 1711.05101) over one flat buffer.
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

  // One update from `gradient` [n], scaled by `scale` (clipping).
  void step(const at::Tensor& gradient, double lr, double scale = 1);

  at::Tensor mean, square;  // first and second moments [n] fp32
  std::int64_t steps = 0;

 private:
  at::Tensor values_;
  std::int64_t decayed_;
  AdamWOptions options_;
};

}  // namespace trecvit
