#include "train/mixing.h"

#include <gtest/gtest.h>

#include "train/objective.h"

namespace trecvit {
namespace {

using at::Tensor;

Tensor random_video(std::int64_t frames, std::int64_t clips, std::int64_t size) {
  at::manual_seed(3);
  return at::randint(0, 256, {frames, clips, size, size, 3}, at::kByte);
}

TEST(MixClips, AddsPairs) {
  const Tensor video = random_video(2, 3, 8);
  const Tensor mixed = mix_clips(video, {.weight = 0.7});
  const Tensor exact = 0.7 * video.to(at::kDouble) + 0.3 * video.flip(1).to(at::kDouble);
  EXPECT_EQ(mixed.scalar_type(), at::kByte);
  EXPECT_LE((mixed.to(at::kDouble) - exact).abs().max().item<double>(), 0.5 + 1e-4);
  EXPECT_TRUE(mixed.select(1, 1).equal(video.select(1, 1))) << "the middle one is its own partner";
}

TEST(MixClips, CutsTheSameHoleIntoEveryFrame) {
  const Tensor video = random_video(2, 4, 8);
  const Mixing mixing{.weight = 1 - 6 / 64.0, .cut = true, .hole = {.x = 5, .y = 1, .width = 3, .height = 2}};
  const Tensor mixed = mix_clips(video, mixing), partner = video.flip(1);
  for (std::int64_t y = 0; y < 8; ++y) {
    for (std::int64_t x = 0; x < 8; ++x) {
      const bool inside = x >= 5 && y >= 1 && y < 3;
      const auto at = [&](const Tensor& clips) { return clips.select(2, y).select(2, x); };
      EXPECT_TRUE(at(mixed).equal(at(inside ? partner : video))) << y << " " << x;
    }
  }
}

// The loss is that of the mixed clips against the mixed, smoothed target.
TEST(MixClips, LossIsAgainstTheMixedLabels) {
  Config config;
  config.model.variant = "mu";
  config.model.head_width = 32;
  config.model.classes = 5;
  config.data.size = 32;
  config.data.frames = 2;
  config.train.label_smoothing = 0.1;
  for (const bool cut : {false, true}) {
    config.augment.mixup = cut ? 0 : 0.8;
    config.augment.cutmix = cut ? 1 : 0;
    config.finish();
    nn::ParameterStore store;
    const TRecViT net(store, config.model);
    const auto objective = make_classification(net, config);
    store.allocate(at::kCPU);
    store.initialise(1);
    const at::NoGradGuard no_grad;
    const Tensor video = random_video(2, 4, 32);
    ClipBatch batch;
    batch.labels = {0, 3, 3, 1};
    const std::int64_t step = 17;
    const double loss = objective->loss(video, batch, step).item<double>();
    EXPECT_EQ(loss, objective->loss(video, batch, step).item<double>()) << "drawn from seed and step alone";

    Rng rng(static_cast<std::uint64_t>(config.seed), stream_id("mix") + 17);
    const Mixing mixing = draw_mixing(config.augment, 32, 32, rng);
    ASSERT_LT(mixing.weight, 1);
    const Tensor labels = at::tensor(batch.labels, at::kLong);
    const Tensor own = at::one_hot(labels, 5).to(at::kDouble), other = own.flip(0);
    const Tensor target = 0.9 * (mixing.weight * own + (1 - mixing.weight) * other) + 0.1 / 5;
    const Tensor log_p = at::log_softmax(net.classify_clips(mix_clips(video, mixing)).logits.to(at::kDouble), -1);
    EXPECT_NEAR(loss, -(target * log_p).sum().item<double>() / 4, 1e-5);
  }
}

}  // namespace
}  // namespace trecvit
