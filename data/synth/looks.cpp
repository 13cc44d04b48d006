#include "data/synth/looks.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace trecvit::synth {
namespace {

// Axis-parallel box around (cx, cy) with half sides (hx, hy).
float box(float x, float y, float cx, float cy, float hx, float hy) {
  const float dx = std::abs(x - cx) - hx, dy = std::abs(y - cy) - hy;
  const float ox = std::max(dx, 0.0f), oy = std::max(dy, 0.0f);
  return std::sqrt(ox * ox + oy * oy) + std::min(std::max(dx, dy), 0.0f);
}

// Triangle that points to +x: tip at (tip, 0), base at x = base of half width `half`. Distance to the nearest side
// line.
float wedge(float x, float y, float tip, float base, float half) {
  const float length = tip - base;
  const float norm = std::sqrt(length * length + half * half);
  const float side = ((x - tip) * half + std::abs(y) * length) / norm;
  return std::max(side, base - x);
}

const char* colour_word(const Colour& colour) {
  const float most = *std::max_element(colour.begin(), colour.end());
  const float least = *std::min_element(colour.begin(), colour.end());
  if (most - least < 0.18f * most) return most < 60 ? "black" : most < 190 ? "grey" : "white";
  const float range = most - least;
  float hue = most == colour[0]   ? (colour[1] - colour[2]) / range
              : most == colour[1] ? (colour[2] - colour[0]) / range + 2
                                  : (colour[0] - colour[1]) / range + 4;
  if (hue < 0) hue += 6;
  constexpr const char* kWords[] = {"red",  "orange", "yellow", "green", "green",  "green",
                                    "cyan", "cyan",   "blue",   "blue",  "purple", "pink"};
  return kWords[static_cast<int>(hue * 2 + 0.5f) % 12];
}

}  // namespace

Colour from_hsv(double hue, double saturation, double value) {
  Colour colour;
  for (int c = 0; c < 3; ++c) {
    const double k = std::fmod(hue * 6 + (c == 0 ? 5 : c == 1 ? 3 : 1), 6.0);
    const double drop = std::max(0.0, std::min({k, 4 - k, 1.0}));
    colour[static_cast<std::size_t>(c)] = static_cast<float>(255 * value * (1 - saturation * drop));
  }
  return colour;
}

float distance(Shape shape, float x, float y) {
  switch (shape) {
    case Shape::kDisc:
      return std::sqrt(x * x + y * y) - 0.9f;
    case Shape::kSquare:
      return box(x, y, 0, 0, 0.7f, 0.7f);
    case Shape::kTriangle:
      return wedge(x, y, 1, -0.5f, 0.866f);
    case Shape::kBar:
      return box(x, y, 0, 0, 0.94f, 0.32f);
    case Shape::kArrow:
      return std::min(box(x, y, -0.42f, 0, 0.54f, 0.24f), wedge(x, y, 1, 0, 0.7f));
    case Shape::kAngle:
      return std::min(box(x, y, 0.1f, 0.4f, 0.68f, 0.22f), box(x, y, -0.36f, -0.08f, 0.22f, 0.7f));
    case Shape::kTee:
      return std::min(box(x, y, 0.6f, 0, 0.22f, 0.56f), box(x, y, -0.26f, 0, 0.7f, 0.22f));
  }
  return 1;
}

Look random_look(std::initializer_list<Shape> shapes, const Difficulty& difficulty, Rng& rng) {
  Look look;
  look.shape = shapes.begin()[rng.below(static_cast<std::int64_t>(shapes.size()))];
  look.texture = static_cast<Texture>(rng.below(4));
  look.frequency = static_cast<float>(rng.uniform(1.0, 2.0));
  const double hue = rng.uniform();
  const auto from = [&](Range range) { return rng.uniform(range.low, range.high); };
  // Value before saturation, and both before the hue: the order in which the draws of older sets were made.
  const double value = from(difficulty.value), saturation = from(difficulty.saturation);
  look.colour = from_hsv(hue, saturation, value);
  const double other_value = from(difficulty.other_value), other_saturation = from(difficulty.other_saturation);
  look.other = from_hsv(std::fmod(hue + from(difficulty.hue_step), 1.0), other_saturation, other_value);
  look.words = describe(look);
  return look;
}

std::string describe(const Look& look) {
  constexpr const char* kShapes[] = {"circle", "square", "triangle", "bar", "arrow", "angle", "tee"};
  constexpr const char* kTextures[] = {"", "two-tone ", "striped ", "ringed "};
  const char* colour = colour_word(look.colour);
  const char* article = colour[0] == 'o' ? "an " : "a ";
  return text(article, colour, " ", kTextures[static_cast<int>(look.texture)], kShapes[static_cast<int>(look.shape)]);
}

std::string describe_surface(const Colour& colour, Rng& rng) {
  constexpr const char* kSurfaces[] = {"cloth", "carpet", "table", "wall", "sheet of paper", "board"};
  const char* word = colour_word(colour);
  return text(word[0] == 'o' ? "an " : "a ", word, " ", kSurfaces[rng.below(6)]);
}

float texture_mix(const Look& look, float x, float y, float radius) {
  constexpr float kTau = 2 * std::numbers::pi_v<float>;
  switch (look.texture) {
    case Texture::kPlain:
      return 0;
    case Texture::kHalves:
      return std::clamp(0.5f + x * radius, 0.0f, 1.0f);
    case Texture::kStripes:
      return 0.5f + 0.5f * std::sin(kTau * look.frequency * x);
    case Texture::kRings:
      return 0.5f + 0.5f * std::cos(kTau * look.frequency * std::sqrt(x * x + y * y));
  }
  return 0;
}

}  // namespace trecvit::synth
