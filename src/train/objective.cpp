#include "train/objective.h"

#include <algorithm>

#include "data/video/picture_file.h"
#include "train/mixing.h"

namespace trecvit {
namespace {

using at::Tensor;

std::uint64_t step_stream(const char* what, std::int64_t step) {
  return stream_id(what) + static_cast<std::uint64_t>(step);
}

// To the device without waiting for it.
Tensor send(const Tensor& host, at::Device device) {
  return device.is_cpu() ? host : host.pin_memory().to(device, /*non_blocking=*/true);
}

class Classification : public Objective {
 public:
  Classification(const TRecViT& net, const Config& config) : net_(net), config_(config) {}

  Tensor loss(const Tensor& video, const ClipBatch& batch, std::int64_t step) const override {
    Rng rng(static_cast<std::uint64_t>(config_.seed), step_stream("mix", step));
    const Mixing mixing =
        draw_mixing(config_.augment, static_cast<int>(video.size(2)), static_cast<int>(video.size(3)), rng);
    const bool mixed = mixing.weight < 1;
    const Tensor labels = send(at::tensor(batch.labels, at::kLong), video.device());
    const auto output = net_.classify_clips(mixed ? mix_clips(video, mixing) : video,
                                             dropout(video.size(1), step, video.device()));
    const auto against = [&](const Tensor& target) {
      return at::cross_entropy_loss(output.logits, target, {}, at::Reduction::Mean, -100, config_.train.label_smoothing);
    };
    if (!mixed) return against(labels);
    // Cross-entropy is linear in its target: so it is that of weight * own label + (1 - weight) * partner's.
    return mixing.weight * against(labels) + (1 - mixing.weight) * against(labels.flip(0));
  }

  bool picture(const Tensor&, const std::filesystem::path&) const override { return false; }

 private:
  // Drawn on the CPU from (seed, step), so that every device drops the same.
  Tensor dropout(std::int64_t clips, std::int64_t step, at::Device device) const {
    const double p = config_.model.dropout;
    if (p == 0) return {};
    Tensor mask = at::empty({clips, net_.config().head_width}, at::kFloat);
    Rng rng(static_cast<std::uint64_t>(config_.seed), step_stream("dropout", step));
    float* values = mask.data_ptr<float>();
    for (std::int64_t i = 0; i < mask.numel(); ++i) values[i] = rng.chance(p) ? 0.0f : static_cast<float>(1 / (1 - p));
    return send(mask, device);
  }

  const TRecViT& net_;
  Config config_;
};

class Masked : public Objective {
 public:
  Masked(nn::ParameterStore& store, const TRecViT& net, const Config& config)
      : autoencoder_(store, net, config.mae), seed_(static_cast<std::uint64_t>(config.seed)) {}

  Tensor loss(const Tensor& video, const ClipBatch& batch, std::int64_t step) const override {
    (void)batch;
    const Tensor visible = autoencoder_.draw_visible(video.size(1), seed_, step_stream("mask", step));
    return autoencoder_(video, send(visible, video.device())).loss;
  }

  // Per clip three rows: original, what the encoder saw, reconstruction; frames from left to right.
  bool picture(const Tensor& video, const std::filesystem::path& path) const override {
    const at::NoGradGuard no_grad;
    const std::int64_t clips = std::min<std::int64_t>(video.size(1), 4), frames = std::min<std::int64_t>(video.size(0), 8);
    const Tensor shown = video.narrow(1, 0, clips).contiguous();
    const Tensor visible = autoencoder_.draw_visible(clips, seed_, step_stream("picture", 0)).to(video.device());
    const Tensor rebuilt = autoencoder_.paint(autoencoder_(shown, visible), shown, visible);
    const Tensor original = shown.to(at::kFloat) / 255;
    const Tensor seen = at::where(autoencoder_.hidden_pixels(visible), at::full_like(original, 0.5), original);
    // [clips * 3, H, frames * W, 3]
    const Tensor rows = at::stack({original, seen, rebuilt}, 2).narrow(0, 0, frames);  // [T, B, 3, H, W, 3]
    const Tensor sheet = rows.permute({1, 2, 3, 0, 4, 5}).reshape({clips * 3 * rows.size(3), frames * rows.size(4), 3});
    const Tensor pixels = (sheet * 255).round().clamp(0, 255).to(at::kByte).cpu().contiguous();
    video::write_picture(path, {pixels.data_ptr<std::uint8_t>(), static_cast<std::size_t>(pixels.numel())},
                         static_cast<int>(pixels.size(1)), static_cast<int>(pixels.size(0)));
    return true;
  }

 private:
  MaskedAutoencoder autoencoder_;
  std::uint64_t seed_;
};

}  // namespace

std::unique_ptr<Objective> make_classification(const TRecViT& net, const Config& config) {
  return std::make_unique<Classification>(net, config);
}

std::unique_ptr<Objective> make_masked(nn::ParameterStore& store, const TRecViT& net, const Config& config) {
  return std::make_unique<Masked>(store, net, config);
}

}  // namespace trecvit
