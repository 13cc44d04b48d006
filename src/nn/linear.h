// y = x W + b with W stored [in, out], as the official checkpoints store it.
#pragma once

#include "nn/parameters.h"
#include "ops/linear.h"

namespace trecvit::nn {

struct Linear {
  Parameter* kernel = nullptr;  // [in, out]
  Parameter* bias = nullptr;    // [out]

  // x [..., in] (+ residual [..., out]) -> [..., out], in x's dtype.
  Tensor operator()(const Tensor& x, const Tensor& residual = {}) const;
  ops::LinearWeights weights(at::ScalarType dtype) const { return {kernel->weight(dtype), bias->weight(dtype)}; }
};

// Declares `name`/kernel [in, out] (decayed) and `name`/bias [out].
Linear make_linear(ParameterStore& store, const std::string& name, std::int64_t in, std::int64_t out, Init kernel, Init bias);

// Xavier (Glorot) uniform limit for a kernel [in, out].
double xavier_limit(std::int64_t in, std::int64_t out);

}  // namespace trecvit::nn
