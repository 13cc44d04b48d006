// From decoded planes to the RGB a model sees, in one pass per kept frame: colour conversion, crop, antialiased
// bilinear resize, flip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/video/frame.h"
#include "kernels/planes_to_rgb/params.h"

namespace trecvit::video {

// The part of the displayed picture that fills the output. Pixels of the displayed picture; fractions allowed.
struct View {
  double x = 0, y = 0, width = 0, height = 0;  // inside the picture
  bool flip = false;                           // mirror left-right
};

// The whole picture.
View whole(const Frame& frame);

// rgb: [out_height, out_width, 3] uint8, C order. Antialiased bilinear: a triangle filter whose half-width is
// max(1, scale) source pixels, half-pixel centres (as torchvision's antialias=True and Pillow's BILINEAR).
void convert(const Frame& frame, const View& view, int out_width, int out_height, std::uint8_t* rgb);

// Pictures whose conversion another device is left to do (kernels/convert); it then gives what convert() gives, within
// one level.
struct Planes {
  std::vector<std::uint8_t> samples;
  std::vector<kernels::ConvertPicture> pictures;  // their samples' `at` counts from the beginning of `samples`
};

// Appends the samples that convert() would read for these views, each once, to `samples`; pictures: [views], what is to
// be done with them. Where that took more than `most_bytes`, converts at once and appends the RGB pixels instead, as
// pictures that are merely to be copied.
void extract_planes(const Frame& frame, std::span<const View> views, int out_width, int out_height, std::size_t most_bytes,
          std::vector<std::uint8_t>& samples, kernels::ConvertPicture* pictures);

}  // namespace trecvit::video
