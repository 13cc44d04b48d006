// The gated linear recurrent unit block of Griffin (arXiv 2402.19427) as TRecViT uses it (arXiv 2412.14294): two branches,
// a causal convolution of width 4, the RG-LRU, and a gate by gelu. No MLP inside. model.md section 2.
#pragma once

#include "nn/linear.h"
#include "nn/temporal_mixer.h"

namespace trecvit::nn {

struct GatedLruConfig {
  std::int64_t width = 0;      // C
  std::int64_t lru_width = 0;  // R, divisible by heads
  std::int64_t heads = 1;      // H blocks of the gates
  std::int64_t depth = 1;      // L, scales the initial linear_out
  double min_radius = 0.5;     // of the state's eigenvalues at the start
  double max_radius = 0.999;
};

class GatedLru : public TemporalMixer {
 public:
  GatedLru(ParameterStore& store, const std::string& name, const GatedLruConfig& config);
  Tensor forward(const Tensor& x, const Norm& norm, MixerState* state, const Tensor& seen,
                 const Tensor& reset) const override;
  MixerState make_state(std::int64_t rows, at::Device device, at::ScalarType dtype) const override;
  std::vector<std::string> state_names() const override { return {"rg_lru", "conv1d"}; }

 private:
  std::int64_t lru_width_;
  Parameter* in_kernel_;  // [C, 2R]: linear_x | linear_y
  Parameter* in_bias_;    // [2R]
  Parameter* conv_w_;     // [4, R]
  Parameter* conv_b_;     // [R]
  Parameter* input_gate_w_;  // [H, R/H, R/H]
  Parameter* input_gate_b_;  // [H, R/H]
  Parameter* a_gate_w_;
  Parameter* a_gate_b_;
  Parameter* a_param_;  // [R]
  Linear out_;
};

}  // namespace trecvit::nn
