#include "model/masked_autoencoder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "ops/patches.h"

namespace trecvit {

using at::Tensor;

namespace {

constexpr double kPatchEpsilon = 1e-6;  // on the variance of a patch's pixels

// [B, V] places -> index for gather/scatter on [T, B, ., C].
Tensor spread(const Tensor& places, std::int64_t frames, std::int64_t channels) {
  return places.view({1, places.size(0), places.size(1), 1}).expand({frames, -1, -1, channels});
}

// True where a patch is hidden: [B, N-1].
Tensor hidden(const Tensor& visible, std::int64_t patches) {
  return at::ones({visible.size(0), patches}, visible.options().dtype(at::kBool)).scatter_(1, visible, false);
}

}  // namespace

MaskedAutoencoder::MaskedAutoencoder(nn::ParameterStore& store, const TRecViT& encoder, const MaeConfig& config)
    : encoder_(encoder), config_(config) {
  const ModelConfig& m = encoder.config();
  const std::int64_t patches = m.patches(), pixels = m.patch * m.patch * 3;
  ensure(patches >= 2, "a masked auto-encoder over ", patches, " patch");
  visible_ = std::clamp<std::int64_t>(std::llround(static_cast<double>(patches) * (1 - config.mask_ratio)), 1, patches - 1);
  const auto xavier = [](std::int64_t in, std::int64_t out) { return nn::uniform(nn::xavier_limit(in, out)); };
  const std::string name = "mae_decoder";
  embed_ = nn::make_linear(store, name + "/embed", m.width, config.width, xavier(m.width, config.width), nn::zeros());
  mask_token_ = store.add(name + "/mask_token", {1, 1, config.width}, /*decay=*/false, nn::normal(0.02));
  position_ = store.add(name + "/pos_embedding", {1, patches, config.width}, /*decay=*/false,
                        nn::normal(1.0 / std::sqrt(static_cast<double>(config.width))));
  MixerConfig mixer = config.mixer;
  mixer.gated_lru.min_radius = m.mixer.gated_lru.min_radius;
  mixer.gated_lru.max_radius = m.mixer.gated_lru.max_radius;
  blocks_ = nn::make_block_stack(store, name,
                                 {.width = config.width,
                                  .depth = config.depth,
                                  .heads = config.heads,
                                  .mlp_width = config.mlp_width,
                                  .mixers = {"gated_lru"},
                                  .mixer = mixer});
  predict_ = nn::make_linear(store, name + "/pixels", config.width, pixels, xavier(config.width, pixels), nn::zeros());
}

MaskedAutoencoder::Output MaskedAutoencoder::operator()(const Tensor& video, const Tensor& visible) const {
  const ModelConfig& m = encoder_.config();
  const std::int64_t frames = video.size(0), clips = video.size(1), patches = m.patches();
  const auto dtype = encoder_.dtype();

  const Tensor pixels = encoder_.patchify(video);
  const Tensor all = encoder_.tokenizer().embed(pixels);
  const Tensor visible_tokens = at::gather(all, 2, spread(visible, frames, m.width));
  const Tensor encoded = encoder_.encode_clips(encoder_.tokenizer().with_cls(visible_tokens), visible.size(1) + 1);

  const Tensor narrow = embed_(encoded);  // [T, B, V+1, D]
  const Tensor cls = narrow.narrow(2, 0, 1);
  const Tensor blank = mask_token_->in(dtype).view({1, 1, 1, config_.width}).expand({frames, clips, patches, config_.width});
  const Tensor filled =
      at::scatter(blank, 2, spread(visible, frames, config_.width), narrow.narrow(2, 1, visible.size(1)));
  const auto positions = ops::clip_positions(frames, clips * (patches + 1), video.device());
  const Tensor decoded =
      blocks_(at::cat({cls, filled + position_->in(dtype)}, 2), patches + 1, /*states=*/nullptr, positions);

  Output output;
  output.prediction = predict_(decoded.narrow(2, 1, patches)).to(at::kFloat);
  output.target = pixels.to(at::kFloat);
  if (config_.normalise) {
    const Tensor mean = output.target.mean(-1, /*keepdim=*/true);
    const Tensor variance = output.target.var(-1, /*unbiased=*/false, /*keepdim=*/true);
    output.target = (output.target - mean) * at::rsqrt(variance + kPatchEpsilon);
  }
  const Tensor errors = (output.prediction - output.target).square().mean(-1).mean(0);  // [B, N-1]
  const Tensor weight = hidden(visible, patches).to(at::kFloat);
  output.loss = (errors * weight).sum() / weight.sum();
  return output;
}

Tensor MaskedAutoencoder::draw_visible(std::int64_t clips, std::uint64_t seed, std::uint64_t stream) const {
  const std::int64_t patches = encoder_.config().patches();
  Tensor visible = at::empty({clips, visible_}, at::kLong);
  Rng rng(seed, stream);
  std::vector<std::int64_t> places(static_cast<std::size_t>(patches));
  for (std::int64_t b = 0; b < clips; ++b) {
    std::iota(places.begin(), places.end(), 0);
    for (std::int64_t i = 0; i < visible_; ++i)
      std::swap(places[static_cast<std::size_t>(i)], places[static_cast<std::size_t>(i + rng.below(patches - i))]);
    std::sort(places.begin(), places.begin() + visible_);
    std::copy_n(places.begin(), visible_, visible.data_ptr<std::int64_t>() + b * visible_);
  }
  return visible;
}

Tensor MaskedAutoencoder::hidden_pixels(const Tensor& visible) const {
  const ModelConfig& m = encoder_.config();
  return hidden(visible, m.patches())
      .view({1, visible.size(0), m.image_height / m.patch, m.image_width / m.patch, 1})
      .repeat_interleave(m.patch, 2)
      .repeat_interleave(m.patch, 3);
}

Tensor MaskedAutoencoder::paint(const Output& output, const Tensor& video, const Tensor& visible) const {
  const ModelConfig& m = encoder_.config();
  const std::int64_t frames = video.size(0), clips = video.size(1), patches = m.patches();
  const Tensor pixels = ops::patchify(video, m.patch, at::kFloat);
  Tensor painted = output.prediction;
  if (config_.normalise) {
    const Tensor mean = pixels.mean(-1, /*keepdim=*/true);
    const Tensor variance = pixels.var(-1, /*unbiased=*/false, /*keepdim=*/true);
    painted = painted * at::sqrt(variance + kPatchEpsilon) + mean;
  }
  const Tensor mask = hidden(visible, patches).view({1, clips, patches, 1});
  painted = at::where(mask, painted, pixels).clamp(0, 1);
  const std::int64_t rows = m.image_height / m.patch, columns = m.image_width / m.patch;
  return painted.view({frames, clips, rows, columns, m.patch, m.patch, 3})
      .permute({0, 1, 2, 4, 3, 5, 6})
      .reshape({frames, clips, m.image_height, m.image_width, 3});
}

}  // namespace trecvit
