// From decoded planes to the RGB a model sees, in one pass per kept frame: colour conversion, crop, antialiased
// bilinear resize, flip.
#pragma once

#include <cstdint>

#include "data/video/frame.h"

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

}  // namespace trecvit::video
