// From a decoded frame to the pixels a model sees. Training, evaluation, prediction and streaming all go through here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/video/rgb.h"

namespace trecvit {

// A rectangle cut out of a picture and stretched to the model's square, in terms that fit any picture size. The same
// for all frames of a clip.
struct Crop {
  double width = 1, height = 1;  // sides over the picture's short side, in (0, 1]
  double x = 0.5, y = 0.5;       // place: 0 = left or top, 1 = right or bottom of the room there is
  bool flip = false;             // mirrored left-right
  // Instead of sides: the first of these that fits into the picture; when none does, the short side's square in the
  // middle.
  struct Shape {
    double area = 1;    // share of the picture's
    double aspect = 1;  // width over height
  };
  std::vector<Shape> shapes;
};

// View `crop` of `crops` for evaluation: the whole short side; left, centre, right of a wide picture, top, centre,
// bottom of a tall one. crops = 1: the centre.
Crop evaluation_crop(std::int64_t crop, std::int64_t crops);

// The part of a picture of that size, in pixels, that the crop takes.
video::View place(const Crop& crop, int width, int height);

class Preprocess {
 public:
  explicit Preprocess(std::int64_t size) : size_(static_cast<int>(size)) {}  // pixels

  // rgb: [size, size, 3] uint8; the model divides by 255.
  void operator()(const video::Frame& frame, const Crop& crop, std::uint8_t* rgb) const;

  // The same left to another device, of several crops: appends to planes.samples, sets planes.pictures[at ...].
  // Pictures much larger than what becomes of them are converted all the same.
  void extract_planes(const video::Frame& frame, std::span<const Crop> crops, video::Planes& planes, std::size_t at) const;

  int size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * static_cast<std::size_t>(size_) * 3; }

 private:
  int size_;
};

}  // namespace trecvit
