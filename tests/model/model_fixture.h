// A small model with telling parameters, and clips of noise.
#pragma once

#include <gtest/gtest.h>

#include "model/trecvit.h"

namespace trecvit {

// 2 pairs of blocks, width 16, 2 heads, 6 patches of 4 pixels, 5 classes.
inline ModelConfig small_config() {
  ModelConfig config;
  config.variant = "mu";
  config.width = 16;
  config.depth = 2;
  config.heads = 2;
  config.mlp_width = 32;
  config.mixer.gated_lru.lru_width = 24;
  config.classes = 5;
  config.head_width = 20;
  config.patch = 4;
  config.image_height = 8;
  config.image_width = 12;
  config.check();
  return config;
}

// fp32 noise in [0, 1], [T, B, 8, 12, 3].
inline at::Tensor noise_video(std::int64_t frames, std::int64_t clips, std::uint64_t seed = 1) {
  at::Tensor video = at::empty({frames, clips, 8, 12, 3}, at::kFloat);
  Rng rng(seed);
  float* out = video.data_ptr<float>();
  for (std::int64_t i = 0; i < video.numel(); ++i) out[i] = static_cast<float>(rng.uniform());
  return video;
}

struct SmallModel {
  explicit SmallModel(std::uint64_t seed = 7, const ModelConfig& config = small_config()) : net(store, config) {
    store.allocate(at::kCPU);
    store.initialise(seed);
    stir();
  }

  // Parameters that start at 0 (biases, CLS, scales of RMSNorm) would hide mistakes: they become noise.
  void stir() {
    const at::NoGradGuard no_grad;
    Rng rng(3);
    for (const auto& p : store.all()) {
      float* values = p.value.data_ptr<float>();
      for (std::int64_t i = 0; i < p.value.numel(); ++i)
        if (values[i] == 0) values[i] = static_cast<float>(0.1 * rng.normal());
    }
  }

  nn::ParameterStore store;
  TRecViT net;
};

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace trecvit
