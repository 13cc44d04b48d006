// TRecViT (arXiv 2412.14294; google-deepmind/trecvit): a causal video model whose every frame costs the same.
// Letters as in docs/architecture.md: T frames, B streams or clips, N tokens of a frame with CLS first, C channels.
#pragma once

#include <memory>

#include "model/config.h"
#include "model/state.h"
#include "nn/block.h"
#include "nn/tokenizer.h"

namespace trecvit {

class TRecViT {
 public:
  // `config` resolved and checked; classes = 0 leaves the head out. Parameters are declared in `store` under their
  // official names; their values come from store.initialise() or a file.
  TRecViT(nn::ParameterStore& store, const ModelConfig& config);

  struct Output {
    at::Tensor pre_logits;  // [T, B, head_width] after tanh
    at::Tensor logits;      // [B, classes] fp32: of the mean over all frames seen so far
    // [B, classes] fp32: of the last frame by itself, what `stream` calls the frame's own answer; with a state only.
    at::Tensor frame_logits;
  };

  // One implementation of a frame, a chunk and a whole clip.
  // video [T, B, Hpx, Wpx, 3] uint8, or floats in [0, 1]; T >= 1. `state` null: clips begin and end here. Otherwise the
  // streams go on from `state`, which then knows these frames too; no gradient may be recorded meanwhile.
  // dropout_mask: undefined, or [B, head_width] factors for the mean (training).
  Output operator()(const at::Tensor& video, ModelState* state = nullptr, nn::Trace* trace = nullptr,
                    const at::Tensor& dropout_mask = {}) const;

  // video as above -> patches [T, B, N-1, 3 P^2] of dtype(), which every pass begins with. Parameters that have changed
  // are cast before, so that no product finds its weights written by the kernel just in front (ops::Weights).
  at::Tensor cut_patches(const at::Tensor& video) const;

  // tokens [T, B, n, C] -> the first `kept` of them encoded, [T, B, kept, C]. Counts the frames of `state`.
  at::Tensor encode(const at::Tensor& tokens, std::int64_t kept, ModelState* state, nn::Trace* trace = nullptr) const;

  ModelState make_state(std::int64_t streams) const;

  const ModelConfig& config() const { return config_; }
  const nn::Tokenizer& tokenizer() const { return tokenizer_; }
  // fp32 or bf16: the type of activations outside recurrence, gates and norms' statistics.
  at::ScalarType dtype() const { return dtype_; }
  void set_dtype(at::ScalarType dtype) { dtype_ = dtype; }

 private:
  ModelConfig config_;
  nn::ParameterStore& store_;
  nn::Tokenizer tokenizer_;
  nn::BlockStack blocks_;
  nn::Linear pre_logits_, cls_head_;
  at::ScalarType dtype_ = at::kFloat;
};

}  // namespace trecvit
