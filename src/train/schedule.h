// The learning rate of a step: linear warm-up from 0, then half a cosine down to the least.
#pragma once

#include <cstdint>

namespace trecvit {

struct Schedule {
  double peak = 1e-4, least = 0;
  std::int64_t warmup = 0;  // steps
  std::int64_t total = 1;   // steps
  double at(std::int64_t step) const;  // step 0 is the first update
};

}  // namespace trecvit
