#include "model/trecvit.h"

#include "core/error.h"

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

Tensor TRecViT::encode(const Tensor& tokens, ModelState* state, nn::Trace* trace) const {
  const Tensor fresh = state ? state->fresh_rows() : Tensor();
  const Tensor encoded = blocks_(tokens, state ? &state->layers : nullptr, fresh, trace);
  if (trace) trace->tokens = tokens, trace->encoded = encoded;
  return encoded;
}

TRecViT::Output TRecViT::operator()(const Tensor& video, ModelState* state, nn::Trace* trace,
                                    const Tensor& dropout_mask) const {
  ensure(video.size(2) == config_.image_height && video.size(3) == config_.image_width, "frames of ", video.size(2), "x",
         video.size(3), " for a model of ", config_.image_height, "x", config_.image_width);
  const Tensor patches = nn::to_patches(video, config_.patch, dtype_);
  const Tensor encoded = encode(tokenizer_.with_cls(tokenizer_.embed(patches)), state, trace);
  Output output;
  if (config_.classes > 0) {
    output.pre_logits = at::tanh(pre_logits_(encoded.select(2, 0)));
    // The mean over frames is fp32; a stream keeps its sum.
    const Tensor features = output.pre_logits.to(at::kFloat);
    Tensor mean;
    if (state) {
      const at::NoGradGuard no_grad;
      for (std::int64_t t = 0; t < video.size(0); ++t) state->head_sum.add_(features[t]);
      Tensor counts = at::empty({state->streams(), 1}, at::kFloat);
      for (std::int64_t b = 0; b < state->streams(); ++b)
        counts.data_ptr<float>()[b] = static_cast<float>(state->frames[static_cast<std::size_t>(b)] + video.size(0));
      mean = state->head_sum / counts.to(features.device());
    } else {
      mean = features.mean(0);
    }
    if (dropout_mask.defined()) mean = mean * dropout_mask;
    output.logits = cls_head_(mean.to(dtype_)).to(at::kFloat);
  }
  if (state)
    for (auto& n : state->frames) n += video.size(0);
  return output;
}

Tensor TRecViT::frame_logits(const Tensor& pre_logits) const { return cls_head_(pre_logits).to(at::kFloat); }

ModelState TRecViT::make_state(std::int64_t streams) const {
  ModelState state;
  const at::Device device = store_.flat().device();
  for (const auto& block : blocks_.temporal)
    state.layers.push_back(block.mixer->make_state(streams * config_.tokens(), device, dtype_));
  state.head_sum = at::zeros({streams, config_.head_width}, at::TensorOptions().dtype(at::kFloat).device(device));
  state.frames.assign(static_cast<std::size_t>(streams), 0);
  return state;
}

}  // namespace trecvit
