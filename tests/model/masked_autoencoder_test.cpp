// Tube masks, and that the encoder sees nothing behind them.
#include "model/masked_autoencoder.h"

#include <gtest/gtest.h>

#include <set>

#include "model/model_fixture.h"
#include "ops/patches.h"

namespace trecvit {
namespace {

using at::Tensor;

MaeConfig small_mae() {
  MaeConfig config;
  config.mask_ratio = 0.5;
  config.width = 8;
  config.depth = 1;
  config.heads = 2;
  config.mlp_width = 16;
  config.mixer.gated_lru.lru_width = 8;
  config.check();
  return config;
}

struct SmallAutoencoder : SmallModel {
  SmallAutoencoder() : mae(store, net, small_mae()) {
    store.allocate(at::kCPU);
    store.initialise(7);
    stir();
  }
  MaskedAutoencoder mae;
};

const Tensor visible_patches = at::tensor({0, 2, 5, 1, 2, 3}, at::kLong).view({2, 3});

// `video` with patch `place` (3 columns of 4 pixels) of clip b turned to its negative in all frames.
Tensor with_changed_patch(const Tensor& video, std::int64_t b, std::int64_t place) {
  Tensor changed = video.clone();
  Tensor patch = changed.select(1, b).narrow(1, place / 3 * 4, 4).narrow(2, place % 3 * 4, 4);
  patch.copy_(1 - patch);
  return changed;
}

TEST(MaskedAutoencoder, MasksAreTubesKeyedBySeedAndStream) {
  const SmallAutoencoder model;
  EXPECT_EQ(model.mae.visible_patches(), 3);
  const Tensor visible = model.mae.draw_visible(20, 1, 2);
  ASSERT_EQ(visible.sizes(), (std::vector<std::int64_t>{20, 3}));
  std::set<std::int64_t> places;
  for (std::int64_t b = 0; b < 20; ++b)
    for (std::int64_t i = 0; i < 3; ++i) {
      const auto place = visible[b][i].item<std::int64_t>();
      places.insert(place);
      EXPECT_TRUE(place >= 0 && place < 6);
      if (i > 0) {
        EXPECT_GT(place, visible[b][i - 1].item<std::int64_t>());
      }
    }
  EXPECT_EQ(places.size(), 6u);
  EXPECT_TRUE(at::equal(visible, model.mae.draw_visible(20, 1, 2)));
  EXPECT_FALSE(at::equal(visible, model.mae.draw_visible(20, 1, 3)));
  EXPECT_FALSE(at::equal(visible, model.mae.draw_visible(20, 2, 2)));
  // One mask for all frames: half of the pixels, whole patches.
  const Tensor hidden = model.mae.hidden_pixels(visible_patches);
  EXPECT_EQ(hidden.size(0), 1);
  const Tensor patches = ops::patchify(hidden.expand({1, 2, 8, 12, 3}).to(at::kFloat), 4, at::kFloat)[0];
  EXPECT_TRUE(at::equal(std::get<0>(patches.max(-1)), std::get<0>(patches.min(-1))));
  EXPECT_TRUE(
      at::equal(patches.select(2, 0), at::tensor({0, 1, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1}, at::kFloat).view({2, 6})));
}

TEST(MaskedAutoencoder, HiddenPixelsDoNotReachThePrediction) {
  const SmallAutoencoder model;
  const at::NoGradGuard no_grad;
  const Tensor video = noise_video(4, 2);
  const auto output = model.mae(video, visible_patches);
  const auto hidden = model.mae(with_changed_patch(video, 0, 1), visible_patches);
  EXPECT_TRUE(at::equal(hidden.prediction, output.prediction));
  EXPECT_FALSE(at::equal(hidden.target, output.target));
  EXPECT_NE(hidden.loss.item<float>(), output.loss.item<float>());
  const auto seen = model.mae(with_changed_patch(video, 0, 2), visible_patches);
  EXPECT_FALSE(at::equal(seen.prediction.select(1, 0), output.prediction.select(1, 0)));
  EXPECT_TRUE(at::equal(seen.prediction.select(1, 1), output.prediction.select(1, 1)));
}

TEST(MaskedAutoencoder, TargetIsNormalisedAndLossCountsHiddenPatches) {
  const SmallAutoencoder model;
  const at::NoGradGuard no_grad;
  const auto output = model.mae(noise_video(4, 2), visible_patches);
  EXPECT_LT(output.target.mean(-1).abs().max().item<double>(), 1e-5);
  EXPECT_NEAR(output.target.square().mean().item<double>(), 1, 1e-3);
  const Tensor errors = (output.prediction - output.target).square().mean(-1).mean(0);  // [B, N-1]
  const double by_hand =
      (errors[0][1] + errors[0][3] + errors[0][4] + errors[1][0] + errors[1][4] + errors[1][5]).item<double>() / 6;
  EXPECT_NEAR(output.loss.item<double>(), by_hand, 1e-5 * by_hand);
}

TEST(MaskedAutoencoder, GradientReachesEveryPartOfTheEncoder) {
  SmallAutoencoder model;
  model.mae(noise_video(4, 2), visible_patches).loss.backward();
  for (const auto& p : model.store.all()) {
    if (p.parts.front().name.rfind("decoder/", 0) == 0) continue;  // the classifier has no share in it
    // A constant added to all keys does not change attention; its gradient is rounding alone.
    for (const auto& part : p.parts)
      if (part.name.find("key/bias") == std::string::npos) {
        EXPECT_GT(part.of(p.value.grad()).abs().max().item<double>(), 1e-9) << part.name;
      }
  }
}

TEST(MaskedAutoencoder, PaintsVisiblePatchesAsTheyAre) {
  const SmallAutoencoder model;
  const at::NoGradGuard no_grad;
  const Tensor video = noise_video(2, 2);
  const auto output = model.mae(video, visible_patches);
  const Tensor painted = model.mae.paint(output, video, visible_patches);
  ASSERT_EQ(painted.sizes(), video.sizes());
  const Tensor hidden = model.mae.hidden_pixels(visible_patches).expand(video.sizes());
  EXPECT_TRUE(at::equal(painted.masked_select(~hidden), video.masked_select(~hidden)));
  EXPECT_FALSE(at::equal(painted.masked_select(hidden), video.masked_select(hidden)));
}

}  // namespace
}  // namespace trecvit
