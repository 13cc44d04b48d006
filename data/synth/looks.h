// Random appearances of objects, and words for them. Internal to data/synth.
#pragma once

#include <initializer_list>
#include <string>

#include "data/synth/difficulty.h"
#include "data/synth/scene.h"

namespace trecvit::synth {

// hue in turns (0 red, 1/3 green, 2/3 blue), saturation and value 0..1.
Colour from_hsv(double hue, double saturation, double value);

// One of `shapes` with a random texture in two colours.
Look random_look(std::initializer_list<Shape> shapes, const Difficulty& difficulty, Rng& rng);

// "a red striped arrow"
std::string describe(const Look& look);

// "a dark green cloth"
std::string describe_surface(const Colour& colour, Rng& rng);

// Share of look.other in the colour at (x, y) of a shape of radius 1; `radius` in pixels sets how soft the edges are.
float texture_mix(const Look& look, float x, float y, float radius);

}  // namespace trecvit::synth
