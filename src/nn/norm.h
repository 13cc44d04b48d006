// The two normalisations of the model; statistics in fp32, eps 1e-6 (numerics.md).
#pragma once

#include "nn/parameters.h"
#include "ops/norm.h"

namespace trecvit::nn {

struct Norm {
  ops::NormKind kind = ops::NormKind::kLayer;
  Parameter* scale = nullptr;  // [C]
  Parameter* bias = nullptr;   // [C]; null for RMSNorm

  Tensor operator()(const Tensor& x) const;
  ops::Norm weights() const;  // for ops that hold the norm within
};

// RMSNorm: `name`/scale [C], which starts at 0 and counts as 1 + scale (recurrentgemma).
Norm make_rms_norm(ParameterStore& store, const std::string& name, std::int64_t width);
// LayerNorm: `name`/scale [C] from 1, `name`/bias [C] from 0 (Flax).
Norm make_layer_norm(ParameterStore& store, const std::string& name, std::int64_t width);

}  // namespace trecvit::nn
