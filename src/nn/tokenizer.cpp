#include "nn/tokenizer.h"

#include <cmath>

#include "nn/linear.h"
#include "ops/matmul.h"
#include "ops/time_major.h"

namespace trecvit::nn {

Tensor Tokenizer::operator()(const Tensor& patches) const {
  if (!ops::gradient_wanted(kernel->value)) {
    // Where they stay, in one pass.
    const std::int64_t t = patches.size(0), b = patches.size(1), n = patches.size(2), width = bias->shape.front();
    const auto dtype = patches.scalar_type();
    const Tensor tokens = at::empty({t, b, n + 1, width}, patches.options());
    if (ops::linear_into_patch_rows_gpu(patches.view({t * b, n, -1}), kernel->in(dtype).view({-1, width}), bias->in(dtype),
                                     position->in(dtype).view({n, width}), tokens.view({t * b, n + 1, width}))) {
      tokens.select(2, 0).copy_(cls->in(dtype).view({width}));
      return tokens;
    }
  }
  return with_cls(embed(patches));
}

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
