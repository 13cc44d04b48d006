#include "model/cost.h"

namespace trecvit {

double forward_flops(const ModelConfig& config) {
  const auto c = static_cast<double>(config.width), r = static_cast<double>(config.lru_width);
  const auto m = static_cast<double>(config.mlp_width), h = static_cast<double>(config.heads);
  const auto n = static_cast<double>(config.tokens()), l = static_cast<double>(config.depth);
  const double temporal = 3 * c * r + 2 * r * r / h + 4 * r;  // three linear maps, two gates, the convolution
  const double behind = c * c + 2 * c * m;                    // the linear map behind the attention, the MLP
  const double spatial = 3 * c * c + 2 * n * c + behind;      // the three before it, the attention
  const double pixels = static_cast<double>(3 * config.patch * config.patch);
  const auto head = static_cast<double>(config.head_width);
  const double readout = config.classes > 0 ? head * (c + static_cast<double>(config.classes)) : 0;
  const double spared = config.classes > 0 ? (n - 1) * behind : 0;  // of the last block's tokens but CLS
  return 2 * (n * l * (temporal + spatial) - spared + (n - 1) * pixels * c + readout);
}

}  // namespace trecvit
