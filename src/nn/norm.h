// The two normalisations of the model; statistics in fp32, eps 1e-6 (numerics.md).
#pragma once

#include "nn/parameters.h"

namespace trecvit::nn {

// x * rsqrt(mean(x^2) + eps) * (1 + scale); scale starts at 0 (recurrentgemma RMSNorm).
struct RmsNorm {
  Parameter* scale = nullptr;  // [C]
  Tensor operator()(const Tensor& x) const;
};
RmsNorm make_rms_norm(ParameterStore& store, const std::string& name, std::int64_t width);

// (x - mean) * rsqrt(var + eps) * scale + bias (Flax LayerNorm).
struct LayerNorm {
  Parameter* scale = nullptr;  // [C]
  Parameter* bias = nullptr;   // [C]
  Tensor operator()(const Tensor& x) const;
};
LayerNorm make_layer_norm(ParameterStore& store, const std::string& name, std::int64_t width);

}  // namespace trecvit::nn
