#include "model/threads.h"

#include <algorithm>

#include "model/cost.h"

namespace trecvit {

int threads_for(const ModelConfig& config, std::int64_t frames, int allowed) {
  const double layer = forward_flops(config) * static_cast<double>(frames) / static_cast<double>(config.depth);
  return static_cast<int>(std::clamp(layer / kFlopsPerThread, 1.0, static_cast<double>(std::max(allowed, 1))));
}

FewerThreads::FewerThreads(int threads) : before_(at::get_num_threads()) {
  if (threads < before_) at::set_num_threads(threads);
}

FewerThreads::~FewerThreads() {
  if (at::get_num_threads() != before_) at::set_num_threads(before_);
}

}  // namespace trecvit
