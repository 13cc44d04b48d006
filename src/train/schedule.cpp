#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace trecvit {

double Schedule::at(std::int64_t step) const {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double span = static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  const double progress = std::min(1.0, static_cast<double>(step - warmup) / span);
  return least + (peak - least) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace trecvit
