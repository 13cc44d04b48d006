// RandAugment (Cubuk, Zoph, Shlens, Le, 2019) for clips: a few operations drawn at random, the same for all frames. The
// list and its ranges are those that video models use (timm's "rand-m7-n4-mstd0.5-inc1", which SlowFast, VideoMAE and
// others train with): 15 operations, all of which grow stronger with the magnitude.
#pragma once

#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "data/transforms/clip_ops.h"

namespace trecvit {

// With the strength at magnitude 10.
enum class Operation {
  kAutoContrast,  // each channel spread over 0..255
  kEqualize,      // each channel's histogram made flat
  kInvert,
  kRotate,       // 30 degrees, either way
  kPosterize,    // 4 bits kept at magnitude 0, 1 at 10
  kSolarize,     // levels inverted from 256 (none) at 0, 0 (all) at 10
  kSolarizeAdd,  // 110 added to levels below 128
  kColour,       // saturation times 1.9 or 0.1
  kContrast,     // distance from the mean grey level times 1.9 or 0.1
  kBrightness,   // levels times 1.9 or 0.1
  kSharpness,    // distance from the smoothed picture times 1.9 or 0.1
  kShearX,       // 0.3 of the height, either way
  kShearY,
  kTranslateX,  // 0.45 of the width, either way
  kTranslateY,
};
constexpr int kOperations = 15;
const char* operation_name(Operation operation);  // "rotate", ...

struct DrawnOperation {
  Operation operation = Operation::kInvert;
  double magnitude = 0;   // 0..10
  bool negative = false;  // the other way, where there are two
};

struct RandAugment {
  std::int64_t layers = 0;  // operations drawn, with repetition
  double magnitude = 7;     // mean and deviation of a normal distribution, clamped to 0..10
  double deviation = 0.5;
  double probability = 0.5;  // that a drawn operation is carried out
};

// The operations to carry out, in order. The number of draws from `rng` depends on `layers` alone.
std::vector<DrawnOperation> draw_operations(const RandAugment& options, Rng& rng);

// Statistics of the picture (extremes, histogram, mean) are taken over the whole clip, so that one map serves
// all frames and nothing flickers.
void apply(const DrawnOperation& drawn, const ClipView& clip);

}  // namespace trecvit
