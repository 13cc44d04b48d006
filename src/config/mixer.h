// The options of the temporal mixers.
#pragma once

#include <cstdint>

namespace trecvit {

// The gated LRU (Griffin, arXiv 2402.19427).
struct GatedLruConfig {
  std::int64_t lru_width = 0;  // R, divisible by H; 0: 2C
  double min_radius = 0.5;     // of the state's eigenvalues at the start, above 0
  double max_radius = 0.999;   // below 1
  bool operator==(const GatedLruConfig&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("lru_width", self.lru_width, "R, channels of the recurrence; released models have 2C, the paper C");
    v("min_radius", self.min_radius, "least initial eigenvalue of the recurrence; 0.5 released, 0.6 paper");
    v("max_radius", self.max_radius, "largest initial eigenvalue, below 1");
  }
};

// The options of every kind of mixer that has some. Their keys stand in the section around them: model.lru_width.
struct MixerConfig {
  GatedLruConfig gated_lru;
  bool operator==(const MixerConfig&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    GatedLruConfig::visit(self.gated_lru, v);
  }
};

}  // namespace trecvit
