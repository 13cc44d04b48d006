// The least that a model must do, from its sizes alone; measured times are compared with it.
#pragma once

#include "config/model.h"

namespace trecvit {

// Floating-point operations of one frame forward, two per multiply-add of the products, the attention and the
// convolution; norms, gates and activations do not count. Of a classifier's last block only CLS passes behind the
// attention. A training step takes three times as many: backward forms two products for each of forward's.
double forward_flops(const ModelConfig& config);

// Bytes that the mixers remember of one stream, with fp32 activations.
std::int64_t stream_state_bytes(const ModelConfig& config);

}  // namespace trecvit
