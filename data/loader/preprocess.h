// From a decoded frame to the pixels a model sees. Training, evaluation, prediction and streaming all go through here.
#pragma once

#include <array>
#include <cstdint>

#include "core/rng.h"
#include "data/config.h"
#include "data/video/convert.h"

namespace trecvit {

// A square cut out of a picture, in terms that fit any picture size. The same for all frames of a clip.
struct Crop {
  double share = 1;         // side of the square over the picture's short side, in (0, 1]
  double x = 0.5, y = 0.5;  // place: 0 = left or top, 1 = right or bottom of the room there is
  bool flip = false;        // mirrored left-right
};

// View `crop` of `crops` for evaluation: the whole short side; left, centre, right of a wide picture, top, centre,
// bottom of a tall one. crops = 1: the centre.
Crop evaluation_crop(std::int64_t crop, std::int64_t crops);

// How one training clip is changed; all its frames alike.
struct Augmentation {
  Crop crop;
  double brightness = 0;  // added, as a share of white
  double contrast = 1;    // factor around mid-grey
};

// Draws scale jitter (ViViT's recipe: short side to 8/7 of the size times a factor, then a crop of the size), place,
// flip and light. Always the same number of draws; not enabled: the centre crop.
Augmentation draw_augmentation(const AugmentConfig& config, Rng& rng);

class Preprocess {
 public:
  explicit Preprocess(std::int64_t size) : size_(static_cast<int>(size)) {}  // pixels

  // rgb: [size, size, 3] uint8; the model divides by 255.
  void operator()(const video::Frame& frame, const Crop& crop, std::uint8_t* rgb) const;

  std::int64_t size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * static_cast<std::size_t>(size_) * 3; }

 private:
  int size_;
};

// Brightness and contrast as a table of levels.
class LightTable {
 public:
  explicit LightTable(const Augmentation& augmentation);
  void apply(std::uint8_t* levels, std::size_t count) const;  // nothing to do when neutral

 private:
  bool neutral_;
  std::array<std::uint8_t, 256> table_{};
};

}  // namespace trecvit
