#include "model/trecvit.h"

#include "core/error.h"
#include "model/threads.h"
#include "ops/patches.h"
#include "ops/running_mean.h"

namespace trecvit {

using at::Tensor;

TRecViT::TRecViT(nn::ParameterStore& store, const ModelConfig& config)
    : config_(config),
      store_(store),
      tokenizer_(nn::make_tokenizer(store, config.patch, config.patches(), config.width)),
      blocks_(nn::make_block_stack(store, "encoder",
                                   {.width = config.width,
                                    .depth = config.depth,
                                    .heads = config.heads,
                                    .mlp_width = config.mlp_width,
                                    .lru_width = config.lru_width,
                                    .min_radius = config.min_radius,
                                    .max_radius = config.max_radius})) {
  if (config.classes == 0) return;
  const auto xavier = [](std::int64_t in, std::int64_t out) { return nn::uniform(nn::xavier_limit(in, out)); };
  pre_logits_ = nn::make_linear(store, "decoder/pre_logits", config.width, config.head_width,
                                xavier(config.width, config.head_width), nn::zeros());
  cls_head_ = nn::make_linear(store, "decoder/cls_head", config.head_width, config.classes,
                              xavier(config.head_width, config.classes), nn::zeros());
}

Tensor TRecViT::cut_patches(const Tensor& video) const {
  store_.cast(dtype_);
  return ops::to_patches(video, config_.patch, dtype_);
}

Tensor TRecViT::encode(const Tensor& tokens, std::int64_t kept, ModelState* state, nn::Trace* trace) const {
  const Tensor encoded =
      blocks_(tokens, kept, state ? &state->layers : nullptr, state ? state->frames : Tensor(), trace);
  if (state) state->frames.add_(tokens.size(0));
  if (trace) trace->tokens = tokens, trace->encoded = encoded;
  return encoded;
}

TRecViT::Output TRecViT::operator()(const Tensor& video, ModelState* state, nn::Trace* trace,
                                    const Tensor& dropout_mask) const {
  ensure(video.size(2) == config_.image_height && video.size(3) == config_.image_width, "frames of ", video.size(2),
         "x", video.size(3), " for a model of ", config_.image_height, "x", config_.image_width);
  const int threads = at::get_num_threads();
  const FewerThreads fewer(video.is_cpu() ? threads_for(config_, video.size(0) * video.size(1), threads) : threads);
  const std::int64_t kept = trace ? config_.tokens() : 1;  // the classifier asks for CLS alone
  const Tensor encoded = encode(tokenizer_(cut_patches(video)), kept, state, trace);
  Output output;
  if (config_.classes == 0) return output;
  const Tensor pre_logits = pre_logits_(encoded.select(2, 0));
  if (!state) {
    output.pre_logits = at::tanh(pre_logits);
    const Tensor mean = output.pre_logits.to(at::kFloat).mean(0);
    output.logits = cls_head_((dropout_mask.defined() ? mean * dropout_mask : mean).to(dtype_)).to(at::kFloat);
    return output;
  }
  // The frames and behind them their mean, so that the last of the one and the other take one way.
  const at::NoGradGuard no_grad;
  const std::int64_t frames = pre_logits.size(0);
  const Tensor features = at::empty({frames + 1, pre_logits.size(1), config_.head_width}, pre_logits.options());
  output.pre_logits = features.narrow(0, 0, frames);
  ops::running_mean(pre_logits, state->frames, output.pre_logits, state->head_sum, features[frames]);
  const Tensor logits = cls_head_(features.narrow(0, frames - 1, 2)).to(at::kFloat);
  output.frame_logits = logits[0], output.logits = logits[1];
  return output;
}

ModelState TRecViT::make_state(std::int64_t streams) const {
  ModelState state;
  const at::Device device = store_.flat().device();
  for (const auto& block : blocks_.temporal)
    state.layers.push_back(block.mixer->make_state(streams * config_.tokens(), device, dtype_));
  state.head_sum = at::zeros({streams, config_.head_width}, at::TensorOptions().dtype(at::kDouble).device(device));
  state.frames = at::zeros({streams}, at::TensorOptions().dtype(at::kLong).device(device));
  return state;
}

}  // namespace trecvit
