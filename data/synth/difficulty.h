// How hard a synthetic set is to learn, as the numbers that its videos are drawn from. In every one of them the two
// classes of a pair show the same frames in opposite orders, so that difficulty never changes what a still gives away.
#pragma once

#include <string>
#include <vector>

namespace trecvit::synth {

// A number is drawn evenly from low to high.
struct Range {
  double low = 0, high = 0;
};

// Lengths in heights of the picture (its short side, for objects), brightness in levels of 0..255.
struct Difficulty {
  const char* name;

  // Objects: smaller ones fill fewer patches, shorter ways move them less from frame to frame.
  Range radius;
  Range half_way;       // half the way of a move; a wide range gives a wide range of speeds
  Range growth;         // of the radius over an approach
  Range turn_radius;    // of objects that turn
  double turn_place;    // how far from the middle these may be
  double turn_halves;   // chance that one half of these has another colour; 0: never
  bool turn_arrows;     // these are arrows alone; else bars, angles and tees as well
  bool told_by_colour;  // squares are red and circles are blue, and squares stand straight

  // Colours of objects: low saturation and value come near the ground's.
  Range saturation, value;              // of the first colour
  Range hue_step;                       // from there to the second, in turns
  Range other_saturation, other_value;  // of the second colour

  // The ground: bright and busy ground hides objects.
  Range ground;        // brightness
  Range wave_size;     // of the pattern on it, in levels
  double wave_cycles;  // most waves over the height

  // The camera and the surroundings.
  double shake;                             // most that the camera moves to either side
  Range noise;                              // standard deviation of a pixel
  Range flicker;                            // standard deviation of a frame's brightness; {0, 0}: none
  int least_distractors, most_distractors;  // small objects that sway without going anywhere; {0, 0}: none
};

// easy: bright objects on dim ground, a still camera. medium: every number between the two others; a model trained from
// scratch for some minutes should come far but not to the end. hard: small, textured objects on a busy ground, a shaken
// camera, noise, one to four distractors.
const std::vector<std::string>& difficulty_names();

// One of difficulty_names().
const Difficulty& difficulty_named(const std::string& name);

}  // namespace trecvit::synth
