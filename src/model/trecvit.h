// TRecViT (arXiv 2412.14294; google-deepmind/trecvit): a causal video model with a constant cost per frame.
// Letters as in docs/model.md: T frames, B streams or clips, N tokens of a frame with CLS first, C channels.
#pragma once

#include <memory>

#include "config/model.h"
#include "model/state.h"
#include "nn/block.h"
#include "nn/tokenizer.h"

namespace trecvit {

// A forward pass changes nothing of the model: threads may share one, each with its own state. In bf16 weights are copies:
// cast_weights() makes them, and must be called after every change of the parameters.
class TRecViT {
 public:
  // `config` resolved and checked; classes = 0 leaves the head out. Parameters are declared in `store` under their
  // official names; their values come from store.initialise() or a file.
  TRecViT(nn::ParameterStore& store, const ModelConfig& config);

  struct Output {
    at::Tensor pre_logits;    // [T, B, head_width] after tanh
    at::Tensor logits;        // [B, classes] fp32: of the mean over all frames so far
    at::Tensor frame_logits;  // [B, classes] fp32: of the last frame alone; of streams
  };

  // Whole clips. video [T, B, Hpx, Wpx, 3] uint8, or floats in [0, 1]; T >= 1.
  // dropout_mask: undefined, or [B, head_width] factors for the mean (training).
  Output classify_clips(const at::Tensor& video, const at::Tensor& dropout_mask = {}, nn::Trace* trace = nullptr) const;

  // The next T frames of B streams. slots [B] int64 on the model's device, no slot twice: which slot of `state` each
  // stream has; undefined: the first B, in order. The state then holds these frames too. No gradient may be recorded.
  // One frame at a time, in chunks, and as a clip, the answers agree.
  Output classify_streams(const at::Tensor& video, ModelState& state, const at::Tensor& slots = {},
                          nn::Trace* trace = nullptr) const;

  // The parts. video -> patches [T, B, N-1, 3 P^2] of dtype().
  at::Tensor patchify(const at::Tensor& video) const;
  // tokens [T, B, n, C] of whole clips -> the first `output_tokens` of them encoded, [T, B, output_tokens, C].
  at::Tensor encode_clips(const at::Tensor& tokens, std::int64_t output_tokens, nn::Trace* trace = nullptr) const;

  ModelState make_state(std::int64_t slots) const;

  // Copies the parameters in dtype(), if they have changed since the last time. It is no part of a pass: products read
  // their weights before the kernel in front of them has ended (ops::Weights).
  void cast_weights();

  const ModelConfig& config() const { return config_; }
  const nn::Tokenizer& tokenizer() const { return tokenizer_; }
  // fp32 or bf16: the type of activations outside recurrence, gates and the statistics of norms.
  at::ScalarType dtype() const { return dtype_; }
  void set_dtype(at::ScalarType dtype) { dtype_ = dtype; }

 private:
  at::Tensor encode(const at::Tensor& tokens, std::int64_t output_tokens, const nn::MixerStates* states,
                    const ops::StreamPositions& positions, nn::Trace* trace) const;
  void check_video(const at::Tensor& video) const;
  int threads_of_pass(const at::Tensor& video) const;

  ModelConfig config_;
  nn::ParameterStore& store_;
  nn::Tokenizer tokenizer_;
  nn::BlockStack blocks_;
  nn::Linear pre_logits_, cls_head_;
  at::ScalarType dtype_ = at::kFloat;
};

}  // namespace trecvit
