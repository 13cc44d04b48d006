// The shape of a TRecViT: the section `model` of a configuration, and the `architecture` that model files carry.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/mixer_kind.h"
#include "core/config.h"

namespace trecvit {

// Sizes of 0 mean "as the variant has it" until resolve() fills them in.
struct ModelConfig {
  std::string variant = "B";
  std::int64_t width = 0;
  std::int64_t depth = 0;
  std::int64_t heads = 0;
  std::int64_t mlp_width = 0;
  std::vector<std::string> mixers{"gated_lru"};  // the temporal mixer of each layer, repeated over the depth
  MixerConfig mixer;                             // options of the mixers
  std::int64_t classes = 0;
  std::int64_t head_width = 3072;
  std::int64_t patch = 16;
  std::int64_t image_height = 0;
  std::int64_t image_width = 0;
  double dropout = 0;

  // Fills sizes of 0 from the variant (docs/model.md; lru_width as in the released configurations, 2C) and the
  // picture from `size`. UsageError: an unknown variant.
  void resolve(std::int64_t size);
  // UsageError naming the key, its value and the rule. The config is resolved; classes may be 0 (no head).
  void check() const;

  MixerSite site() const { return {.width = width, .heads = heads, .depth = depth}; }

  std::int64_t patches() const { return (image_height / patch) * (image_width / patch); }
  std::int64_t tokens() const { return patches() + 1; }  // N: CLS first
  bool operator==(const ModelConfig&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("variant", self.variant, "mu | Ti | S | B | L: what the sizes below are when they are 0");
    v("width", self.width, "C, channels of a token");
    v("depth", self.depth, "L, pairs of a temporal and a spatial block");
    v("heads", self.heads, "H, attention heads and gate blocks; divides width and lru_width");
    v("mlp_width", self.mlp_width, "M");
    v("mixers", self.mixers, "the temporal mixer of each layer, a pattern repeated over the depth: [gated_lru]");
    MixerConfig::visit(self.mixer, v);
    v("classes", self.classes, "0: as many as the data set has");
    v("head_width", self.head_width, "channels of the pre-logits, 1..65536");
    v("patch", self.patch, "side of a patch in pixels; divides the picture");
    v("image_height", self.image_height, "pixels; 0: data.size");
    v("image_width", self.image_width, "pixels; 0: data.size");
    v("dropout", self.dropout, "before the classifier, 0..0.9");
  }
};

// The masked auto-encoder's decoder: a few of the same causal blocks, narrower. The section `mae`.
struct MaeConfig {
  double mask_ratio = 0.9;
  std::int64_t width = 384;
  std::int64_t depth = 4;
  std::int64_t heads = 6;
  std::int64_t mlp_width = 1536;
  MixerConfig mixer{.gated_lru = {.lru_width = 384}};
  bool normalise = true;

  void check() const;
  MixerSite site() const { return {.width = width, .heads = heads, .depth = depth}; }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("mask_ratio", self.mask_ratio, "share of the patches hidden, the same ones in every frame (tubes), 0.01..0.99");
    v("width", self.width, "channels of the decoder");
    v("depth", self.depth, "pairs of blocks of the decoder");
    v("heads", self.heads, "divides mae.width and mae.lru_width");
    v("mlp_width", self.mlp_width, "channels of the decoder's MLP");
    v("lru_width", self.mixer.gated_lru.lru_width, "channels of the decoder's recurrence");
    v("normalise", self.normalise, "predict pixels normalised by each patch's mean and deviation");
  }
};

}  // namespace trecvit
