// How many CPU threads a pass takes. Every operation of a layer ends when the last of its threads does, and on a busy
// machine that one waits for a core: work that is soon done alone is done alone.
#pragma once

#include <torch/torch.h>

#include "config/model.h"

namespace trecvit {

// For so many frames forward: as many threads as have at least kFlopsPerThread in every layer, at most `allowed`. From
// sizes alone, so that results repeat bit for bit. A thread's share of one of a layer's dozen operations then lasts
// about 0.1 ms, some ten times what it costs to wake it.
inline constexpr double kFlopsPerThread = 64e6;
int threads_for(const ModelConfig& config, std::int64_t frames, int allowed);

// LibTorch's number of threads while it lives, where that is fewer than before.
class FewerThreads {
 public:
  explicit FewerThreads(int threads);
  ~FewerThreads();
  FewerThreads(const FewerThreads&) = delete;
  FewerThreads& operator=(const FewerThreads&) = delete;

 private:
  int before_;
};

}  // namespace trecvit
