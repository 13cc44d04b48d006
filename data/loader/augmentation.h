// Augmentation of a clip: drawn once, applied to all its frames alike.
#pragma once

#include <optional>
#include <vector>

#include "config/data.h"
#include "data/loader/preprocess.h"
#include "data/transforms/clip_ops.h"
#include "data/transforms/rand_augment.h"

namespace trecvit {

struct Augmentation {
  Crop crop;
  double brightness = 0;  // added, as a share of white
  double contrast = 1;    // factor around mid-grey
  std::optional<ColourMatrix> colours;
  std::vector<DrawnOperation> operations;
  std::optional<Rectangle> erased;
  Rng noise{0};  // of the erased rectangle
};

// `size`: side of the clip in pixels. Not enabled: the centre crop, nothing else. Each part draws the same numbers
// whatever the others are set to, so that switching one on changes nothing but itself.
Augmentation draw_augmentation(const AugmentConfig& config, int size, Rng& rng);

// Whether change() may do anything to a clip that was drawn so.
bool changes_pixels(const AugmentConfig& config);

// All but the crop, in the order of the members; the clip holds the pixels that the crop gave.
void augment_clip(const Augmentation& augmentation, const ClipView& clip);

}  // namespace trecvit
