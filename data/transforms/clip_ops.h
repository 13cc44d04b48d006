// Changes of a clip's pixels in place, the same for all its frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/rng.h"

namespace trecvit {

// One clip inside a batch: frame t is [height, width, 3] uint8 without gaps, at pixels + t * frame_step.
struct ClipView {
  std::uint8_t* pixels = nullptr;
  std::size_t frame_step = 0;  // bytes
  std::int64_t frames = 0;
  int height = 0, width = 0;

  std::uint8_t* frame(std::int64_t t) const { return pixels + static_cast<std::size_t>(t) * frame_step; }
  std::size_t frame_bytes() const { return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3; }
};

// A new level for each old one, by channel.
using LevelMap = std::array<std::array<std::uint8_t, 256>, 3>;
void map_levels(const ClipView& clip, const LevelMap& map);

// How often each level occurs, by channel, over all frames.
using Histogram = std::array<std::array<std::int64_t, 256>, 3>;
Histogram count_levels(const ClipView& clip);

// rgb' = matrix * rgb, row by row; rounded, clamped to 0..255.
using ColourMatrix = std::array<double, 9>;
void mix_colours(const ClipView& clip, const ColourMatrix& matrix);
ColourMatrix saturation_matrix(double factor);  // 0: grey by the luma of BT.601, 1: as it is, above: more colourful
ColourMatrix hue_matrix(double turns);          // turns the plane of constant luma in YIQ
ColourMatrix product(const ColourMatrix& a, const ColourMatrix& b);  // a after b

// smooth + factor * (pixel - smooth), smooth = the mean of 3 x 3 pixels with weight 5 in the middle, 1 around it.
// Pixels of the edge stay.
void sharpen(const ClipView& clip, double factor);

// Moves pixels: the new pixel (x, y) shows the old one at (m0 x + m1 y + m2, m3 x + m4 y + m5), measured from the
// picture's centre; bilinear, to 1/32 of a pixel; grey (128) where there is nothing.
using Affine = std::array<double, 6>;
void warp(const ClipView& clip, const Affine& source);

struct Rectangle {
  int x = 0, y = 0, width = 0, height = 0;
};

// Fills the rectangle with random levels, the same in every frame.
void fill_with_noise(const ClipView& clip, const Rectangle& where, Rng& rng);

}  // namespace trecvit
