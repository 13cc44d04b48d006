// How a synthetic video looks: objects, background, camera and sensor, drawn at random and rendered with antialiasing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"
#include "data/synth/difficulty.h"
#include "data/synth/motion.h"

namespace trecvit::synth {

using Colour = std::array<float, 3>;  // red, green, blue; 0..255

enum class Shape { kDisc, kSquare, kTriangle, kBar, kArrow, kAngle, kTee };
enum class Texture { kPlain, kHalves, kStripes, kRings };

struct Look {
  Shape shape = Shape::kDisc;
  Texture texture = Texture::kPlain;
  Colour colour{}, other{};  // the texture's two colours
  float frequency = 0;       // stripes or rings per radius
  std::string words;         // "a red striped arrow"
};

// Signed distance from (x, y) to the outline, negative inside. The shape fits a circle of radius 1 around (0, 0).
float distance(Shape shape, float x, float y);

// Everything that stays the same over one video.
class Scene {
 public:
  // Draws looks for the script's actors and the surroundings. `width`, `height` in pixels.
  Scene(Motion motion, const Difficulty& difficulty, int width, int height, Rng& rng);

  // The picture at time u in [0, 1] of the script. rgb: [height, width, 3]. `rng` gives the sensor noise.
  void render(const Script& script, double u, Rng& rng, std::span<std::uint8_t> rgb);

  const std::string& object() const { return looks_[0].words; }
  const std::string& surface() const { return surface_; }

 private:
  // One smooth, random, bounded movement; a sum of two sines, so that it looks alike in either direction of time.
  struct Sway {
    float size[2], speed[2], phase[2];
    float at(double u) const;
  };
  struct Distractor {
    Look look;
    Pose pose;
    Sway x, y;
  };
  void paint_background(const Difficulty& difficulty, Rng& rng);
  void shift_background(float dx, float dy);
  void draw(const Look& look, const Pose& pose);
  Sway sway(double size, Rng& rng) const;

  int width_, height_, margin_;
  std::vector<Look> looks_;  // one per actor
  std::vector<Distractor> distractors_;
  Sway camera_x_, camera_y_;
  std::string surface_;
  float noise_ = 0;                // standard deviation, levels
  float flicker_ = 0;              // standard deviation of a frame's brightness, levels
  std::vector<float> background_;  // [height + 2 margin, width + 2 margin, 3]
  std::vector<float> canvas_;      // [height, width, 3]
};

}  // namespace trecvit::synth
