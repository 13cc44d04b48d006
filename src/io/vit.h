// A TRecViT that starts from an ImageNet ViT: tokenizer, spatial blocks and last norm come from the image model (arXiv
// 2412.14294 section 4.1), the temporal blocks and the head keep their initial values.
#pragma once

#include <string>
#include <vector>

#include "io/model_file.h"

namespace trecvit {

// The image model's input normalisation. Pixels here are in [0, 1], so the difference goes into the patch embedding.
enum class InputRange {
  kZeroOne,      // levels as they are
  kMinusOneOne,  // (x - 0.5) / 0.5, as ViT and big_vision
  kImagenet,     // (x - mean) / deviation per channel, as DeiT and many timm models
};

// "zero-one" | "minus-one-one" | "imagenet". UsageError: anything else.
InputRange parse_input_range(const std::string& text);

struct VitOptions {
  InputRange input_range = InputRange::kMinusOneOne;
  bool resize_positions = false;  // bicubic, from the square grid of the image model
};

struct VitReport : LoadReport {          // missing: official names that the file should have given
  std::string naming;                    // "timm", "Hugging Face", "big_vision"
  std::vector<std::string> initialised;  // official names that no image model has
  std::vector<std::string> left_out;     // the image classifier's own names
};

// Overwrites what `arrays` can give of the parameters in `store` (allocated on the CPU, initialised, of one TRecViT of
// `config`). A position of the class token is added to the class token, as the image model would.
// Error: not a ViT of a known naming; a shape that does not fit, naming array, file and both shapes.
VitReport load_vit(nn::ParameterStore& store, const ModelConfig& config, const NamedArrays& arrays,
                   const std::string& origin, const VitOptions& options = {});

// Learned positions [1, n, C], n a square, resized bicubically to [1, rows*columns, C]; fp32. Error: n is no square.
at::Tensor resize_positions(const at::Tensor& positions, std::int64_t rows, std::int64_t columns,
                            const std::string& origin);

}  // namespace trecvit
