// Masked auto-encoding for TRecViT (arXiv 2412.14294 section 4; VideoMAE's tube masks): the encoder sees the visible token
// sequences alone, a small decoder of the same causal blocks predicts the pixels of the hidden ones.
#pragma once

#include "model/trecvit.h"

namespace trecvit {

class MaskedAutoencoder {
 public:
  // Declares the decoder's parameters beside the encoder's, under "mae_decoder/". `encoder` must outlive this.
  MaskedAutoencoder(nn::ParameterStore& store, const TRecViT& encoder, const MaeConfig& config);

  struct Output {
    at::Tensor loss;        // scalar fp32: mean squared error over hidden patches
    at::Tensor prediction;  // [T, B, N-1, patch*patch*3] fp32, as the target (normalised or not)
    at::Tensor target;      // same shape
  };

  // video [T, B, Hpx, Wpx, 3]; visible [B, V] int64: ascending places of the patches the encoder sees, for all frames.
  Output operator()(const at::Tensor& video, const at::Tensor& visible) const;

  std::int64_t visible_patches() const { return visible_; }  // V
  // Tube masks for B clips: [B, V], drawn from (seed, stream); the same for all frames.
  at::Tensor draw_visible(std::int64_t clips, std::uint64_t seed, std::uint64_t stream) const;

  // Pixels for a picture: the prediction with each patch's own mean and deviation put back, [T, B, Hpx, Wpx, 3] in [0, 1];
  // visible patches are shown as they are.
  at::Tensor paint(const Output& output, const at::Tensor& video, const at::Tensor& visible) const;
  // True in every pixel of a hidden patch: [1, B, Hpx, Wpx, 1].
  at::Tensor hidden_pixels(const at::Tensor& visible) const;

 private:
  const TRecViT& encoder_;
  MaeConfig config_;
  std::int64_t visible_;
  nn::Linear embed_, predict_;
  nn::Parameter* mask_token_;  // [1, 1, D]
  nn::Parameter* position_;    // [1, N-1, D]
  nn::BlockStack blocks_;
};

}  // namespace trecvit
