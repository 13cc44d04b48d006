// Training objectives: each turns a batch into a loss. The loop does not know which it runs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "data/loader/loader.h"
#include "model/masked_autoencoder.h"
#include "config/train.h"

namespace trecvit {

class Objective {
 public:
  virtual ~Objective() = default;
  // Scalar fp32 with a graph. `video` [T, B, H, W, 3] uint8 on the model's device; the step number keys all randomness.
  virtual at::Tensor loss(const at::Tensor& video, const ClipBatch& batch, std::int64_t step) const = 0;
  // A picture that shows what was learnt, or nothing (false).
  virtual bool picture(const at::Tensor& video, const std::filesystem::path& path) const = 0;
};

// Cross-entropy with label smoothing, dropout before the classifier, and mixup or cutmix where `augment` asks for them.
std::unique_ptr<Objective> make_classification(const TRecViT& net, const Config& config);
// Declares its decoder in `store`.
std::unique_ptr<Objective> make_masked(nn::ParameterStore& store, const TRecViT& net, const Config& config);

}  // namespace trecvit
