// What a model must do at least, from its sizes alone: what measured times are held against.
#pragma once

#include "model/config.h"

namespace trecvit {

// Floating-point operations of one frame forward, two per multiply-add of the products, the attention and the
// convolution; norms, gates and activations do not count. Of a classifier's last block only CLS passes behind the
// attention. A training step takes three times as many: backward forms two products for each of forward's.
double forward_flops(const ModelConfig& config);

}  // namespace trecvit
