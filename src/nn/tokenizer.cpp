#include "nn/tokenizer.h"

#include <cmath>

#include "nn/linear.h"

namespace trecvit::nn {

Tensor Tokenizer::embed(const Tensor& patches) const {
  const auto dtype = patches.scalar_type();
  const std::int64_t width = bias->shape.front();
  const ops::LinearWeights weights{kernel->weight(dtype).view({patches.size(-1), width}), bias->weight(dtype)};
  return ops::linear(patches, weights) + position->in(dtype);
}

Tensor Tokenizer::with_cls(const Tensor& tokens) const {
  const std::int64_t width = tokens.size(3);
  const Tensor first = cls->in(tokens.scalar_type()).expand({tokens.size(0), tokens.size(1), 1, width});
  return at::cat({first, tokens}, 2);
}

Tokenizer make_tokenizer(ParameterStore& store, std::int64_t patch, std::int64_t patches, std::int64_t width) {
  const std::int64_t inputs = patch * patch * 3;
  return {.kernel = store.add("tokenizer/embedding/kernel", {1, patch, patch, 3, width}, /*decay=*/true,
                              uniform(xavier_limit(inputs, width))),
          .bias = store.add("tokenizer/embedding/bias", {width}, /*decay=*/false, zeros()),
          .position = store.add("tokenizer/pos_embedding", {1, patches, width}, /*decay=*/false,
                                normal(1.0 / std::sqrt(static_cast<double>(width)))),
          .cls = store.add("tokenizer/cls", {1, 1, width}, /*decay=*/false, zeros())};
}

}  // namespace trecvit::nn
