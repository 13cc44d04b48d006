// Pairs of clips made into one, with their labels: mixup (Zhang, Cisse, Dauphin, Lopez-Paz, 2018) and cutmix (Yun, Han,
// Oh, Chun, Choe, Yoo, 2019). Here is what to do; src/train does it on the device.
#pragma once

#include "core/rng.h"
#include "config/data.h"
#include "data/transforms/clip_ops.h"

namespace trecvit {

// For a whole batch of B clips: clip b with its partner B - 1 - b.
struct Mixing {
  double weight = 1;  // of a clip's own label; 1 - weight is its partner's. 1: the batch stays as it is
  bool cut = false;   // false: pixels are weight * own + (1 - weight) * partner's. true: the partner's inside `hole`
  Rectangle hole;     // the same in all frames
};

// The weight is drawn from Beta(alpha, alpha); cutmix's hole has 1 - weight of the area, is placed at random and
// clipped to the picture, and the weight then becomes what is left of the area.
Mixing draw_mixing(const AugmentConfig& config, int height, int width, Rng& rng);

// Beta(alpha, alpha), alpha > 0.
double draw_beta(double alpha, Rng& rng);

}  // namespace trecvit
