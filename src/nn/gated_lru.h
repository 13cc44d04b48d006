// The gated linear recurrent unit block of Griffin (arXiv 2402.19427) as TRecViT uses it (arXiv 2412.14294): two branches,
// a causal convolution of width 4, the RG-LRU, and a gate by gelu. No MLP inside. Formulas: docs/model.md.
#pragma once

#include "config/mixer_kind.h"
#include "nn/linear.h"
#include "nn/temporal_mixer.h"

namespace trecvit::nn {

class GatedLru : public TemporalMixer {
 public:
  // config.lru_width is filled in.
  GatedLru(ParameterStore& store, const std::string& name, const MixerSite& site, const GatedLruConfig& config);
  Tensor forward(const Tensor& x, const Norm& norm, MixerState* state, const StreamPositions& positions) const override;
  // Fields: "rg_lru" [S*N, R] fp32; "conv1d" [S*N, 3, R], a ring of the convolution's inputs.
  std::unique_ptr<MixerState> make_state(std::int64_t slots, std::int64_t tokens, at::Device device,
                                         at::ScalarType dtype) const override;

 private:
  std::int64_t lru_width_;
  Parameter* in_kernel_;     // [C, 2R]: linear_x | linear_y
  Parameter* in_bias_;       // [2R]
  Parameter* conv_w_;        // [4, R]
  Parameter* conv_b_;        // [R]
  Parameter* input_gate_w_;  // [H, R/H, R/H]
  Parameter* input_gate_b_;  // [H, R/H]
  Parameter* a_gate_w_;      // [H, R/H, R/H]
  Parameter* a_gate_b_;      // [H, R/H]
  Parameter* a_param_;       // [R]
  Linear out_;               // [R, C]
};

}  // namespace trecvit::nn
