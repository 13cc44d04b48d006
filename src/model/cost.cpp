#include "model/cost.h"

namespace trecvit {

double forward_flops(const ModelConfig& config) {
  const auto c = static_cast<double>(config.width), m = static_cast<double>(config.mlp_width);
  const auto n = static_cast<double>(config.tokens()), l = static_cast<double>(config.depth);
  double temporal = 0;  // of all layers, per token
  for (std::int64_t i = 0; i < config.depth; ++i)
    temporal += mixer_kind(mixer_of_layer(config.mixers, i)).multiply_adds(config.site(), config.mixer);
  const double after_attention = c * c + 2 * c * m;               // the attention's last linear map, the MLP
  const double spatial = 3 * c * c + 2 * n * c + after_attention;  // its first three linear maps, the attention
  const double pixels = static_cast<double>(3 * config.patch * config.patch);
  const auto head = static_cast<double>(config.head_width);
  const double readout = config.classes > 0 ? head * (c + static_cast<double>(config.classes)) : 0;
  const double skipped = config.classes > 0 ? (n - 1) * after_attention : 0;  // the last block's tokens but CLS
  return 2 * (n * (temporal + l * spatial) - skipped + (n - 1) * pixels * c + readout);
}

std::int64_t stream_state_bytes(const ModelConfig& config) {
  std::int64_t per_token = 0;
  for (std::int64_t i = 0; i < config.depth; ++i)
    per_token += mixer_kind(mixer_of_layer(config.mixers, i)).state_bytes(config.site(), config.mixer);
  return config.tokens() * per_token;
}

}  // namespace trecvit
