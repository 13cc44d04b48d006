// Arguments of the AdamW kernels: Loshchilov and Hutter, arXiv 1711.05101, over one flat buffer of n numbers.
//
//   g = gradient * min(1, clip / norm)            norm: of the whole gradient; clip = 0: not clipped
//   mean += (1 - beta1) (g - mean)                square = beta2 square + (1 - beta2) g^2
//   value -= lr weight_decay value                the first `decayed` alone
//   value -= lr / (1 - beta1^step) * mean / (sqrt(square / (1 - beta2^step)) + epsilon)
//
// A norm that is not finite changes nothing: no number of a broken step ever reaches the values. A loss that is not
// finite makes the norm NaN, because its gradient may be finite all the same.
#pragma once

#include <cstdint>

namespace trecvit::kernels {

template <class S>
struct AdamWParams {
  std::int64_t count = 0, decayed = 0, step = 1;  // n; steps count from 1
  double lr = 0, clip = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  const S* gradient = nullptr;  // [n]
  const S* norm = nullptr;      // [1]
  S* value = nullptr;           // [n]
  S* mean = nullptr;            // [n]
  S* square = nullptr;          // [n]
};

}  // namespace trecvit::kernels
