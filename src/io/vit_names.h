// Where published ImageNet ViTs keep what a TRecViT's tokenizer, spatial blocks and last norm need.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/array.h"
#include "config/model.h"

namespace trecvit {

enum class VitNaming { kTimm, kHuggingFace, kBigVision };

// "timm", "Hugging Face", "big_vision".
const char* vit_naming_name(VitNaming naming);

// How the source lays a tensor out, against the official shape (C-ordered).
enum class VitLayout {
  kSame,       // the same numbers in the same order
  kOutIn,      // a matrix [out, in] for a kernel [in, out], either side perhaps cut into heads
  kPatches,    // [C, 3, p, p] for [1, p, p, 3, C]
  kPositions,  // [1, n, C], perhaps with the class token's position first
};

// One official tensor and where the source has it.
struct VitRow {
  std::string official;
  std::vector<std::int64_t> shape;   // official
  std::vector<std::string> sources;  // names, the first that exists counts
  VitLayout layout = VitLayout::kSame;
  std::int64_t inputs = 0;  // kOutIn: rows of the official kernel
  int third = -1;           // 0, 1, 2: that third of the source's first dimension (query, key and value in one tensor)
};

// The naming of `arrays`, told by the name of the patch embedding. Error: none of the three.
VitNaming detect_vit(const NamedArrays& arrays, const std::string& origin);

// Every tensor of `config` that a ViT can give, in the order of the model. "params/" (big_vision) and "vit." (Hugging
// Face classifiers) before a name must be gone.
std::vector<VitRow> vit_rows(VitNaming naming, const ModelConfig& config);

// Names without the prefix that all of a file's names may share.
NamedArrays without_vit_prefix(const NamedArrays& arrays);

// A part of an image classifier that a video model replaces by its own: classifier, pooler, pre-logits.
bool is_image_classifier(const std::string& name);

}  // namespace trecvit
