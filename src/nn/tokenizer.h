// From pixels to tokens: one linear map per patch, learned positions, and a class token first.
#pragma once

#include "nn/parameters.h"

namespace trecvit::nn {

struct Tokenizer {
  Parameter* kernel = nullptr;    // [1, patch, patch, 3, C]
  Parameter* bias = nullptr;      // [C]
  Parameter* position = nullptr;  // [1, N-1, C], patches only
  Parameter* cls = nullptr;       // [1, 1, C]

  // patches [T, B, N-1, P] -> all tokens [T, B, N, C], CLS first.
  Tensor operator()(const Tensor& patches) const;

  // The parts, for those who drop tokens in between: patches [T, B, N-1, P] -> their tokens [T, B, N-1, C] with
  // positions.
  Tensor embed(const Tensor& patches) const;
  // CLS in front: [T, B, n, C] -> [T, B, n+1, C].
  Tensor with_cls(const Tensor& tokens) const;
};
Tokenizer make_tokenizer(ParameterStore& store, std::int64_t patch, std::int64_t patches, std::int64_t width);

}  // namespace trecvit::nn
