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
                                    .mixers = config.mixers,
                                    .mixer = config.mixer})) {
  if (config.classes == 0) return;
  const auto xavier = [](std::int64_t in, std::int64_t out) { return nn::uniform(nn::xavier_limit(in, out)); };
  pre_logits_ = nn::make_linear(store, "decoder/pre_logits", config.width, config.head_width,
                                xavier(config.width, config.head_width), nn::zeros());
  cls_head_ = nn::make_linear(store, "decoder/cls_head", config.head_width, config.classes,
                              xavier(config.head_width, config.classes), nn::zeros());
}

void TRecViT::cast_weights() { store_.cast(dtype_); }

void TRecViT::check_video(const Tensor& video) const {
  ensure(video.size(2) == config_.image_height && video.size(3) == config_.image_width, "frames of ", video.size(2),
         "x", video.size(3), " for a model of ", config_.image_height, "x", config_.image_width);
}

int TRecViT::threads_of_pass(const Tensor& video) const {
  const int allowed = at::get_num_threads();
  return video.is_cpu() ? threads_for(config_, video.size(0) * video.size(1), allowed) : allowed;
}

Tensor TRecViT::patchify(const Tensor& video) const { return ops::patchify(video, config_.patch, dtype_); }

Tensor TRecViT::encode(const Tensor& tokens, std::int64_t output_tokens, const nn::MixerStates* states,
                       const ops::StreamPositions& positions, nn::Trace* trace) const {
  const Tensor encoded = blocks_(tokens, output_tokens, states, positions, trace);
  if (trace) {
    trace->tokens = tokens;
    trace->encoded = encoded;
  }
  return encoded;
}

Tensor TRecViT::encode_clips(const Tensor& tokens, std::int64_t output_tokens, nn::Trace* trace) const {
  const auto positions = ops::clip_positions(tokens.size(0), tokens.size(1) * tokens.size(2), tokens.device());
  return encode(tokens, output_tokens, /*states=*/nullptr, positions, trace);
}

TRecViT::Output TRecViT::classify_clips(const Tensor& video, const Tensor& dropout_mask, nn::Trace* trace) const {
  check_video(video);
  const FewerThreads fewer(threads_of_pass(video));
  const std::int64_t output_tokens = trace ? config_.tokens() : 1;  // the classifier reads CLS alone
  const Tensor encoded = encode_clips(tokenizer_(patchify(video)), output_tokens, trace);
  Output output;
  if (config_.classes == 0) return output;
  output.pre_logits = at::tanh(pre_logits_(encoded.select(2, 0)));
  const Tensor mean = output.pre_logits.to(at::kFloat).mean(0);
  output.logits = cls_head_((dropout_mask.defined() ? mean * dropout_mask : mean).to(dtype_)).to(at::kFloat);
  return output;
}

TRecViT::Output TRecViT::classify_streams(const Tensor& video, ModelState& state, const Tensor& slots,
                                          nn::Trace* trace) const {
  const at::NoGradGuard no_grad;
  check_video(video);
  const FewerThreads fewer(threads_of_pass(video));
  const std::int64_t frames = video.size(0), output_tokens = trace ? config_.tokens() : 1;
  const auto positions = ops::advance_streams(state.frames_processed, slots, video.size(1), frames, config_.tokens());
  const Tensor encoded = encode(tokenizer_(patchify(video)), output_tokens, &state.layers, positions, trace);
  Output output;
  if (config_.classes == 0) return output;
  const Tensor pre_logits = pre_logits_(encoded.select(2, 0));
  // Each frame's features, then their mean: the classifier takes the last frame and the mean in one product.
  const Tensor features = at::empty({frames + 1, pre_logits.size(1), config_.head_width}, pre_logits.options());
  output.pre_logits = features.narrow(0, 0, frames);
  ops::running_mean(pre_logits, positions, output.pre_logits, state.head_sum, features[frames]);
  const Tensor logits = cls_head_(features.narrow(0, frames - 1, 2)).to(at::kFloat);
  output.frame_logits = logits[0];
  output.logits = logits[1];
  return output;
}

ModelState TRecViT::make_state(std::int64_t slots) const {
  ModelState state;
  const at::Device device = store_.flat().device();
  state.layers = blocks_.make_states(slots, config_.tokens(), device, dtype_);
  state.head_sum = at::zeros({slots, config_.head_width}, at::TensorOptions().dtype(at::kDouble).device(device));
  state.frames_processed = at::zeros({slots}, at::TensorOptions().dtype(at::kLong).device(device));
  return state;
}

}  // namespace trecvit
