// The motion of a synthetic video. Classes come in pairs: one of a pair is the other played backwards, frame by
// frame, so that only the order of the frames tells them apart.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/rng.h"
#include "data/synth/difficulty.h"

namespace trecvit::synth {

enum class Motion { kAcross, kDown, kTowards, kTurn, kAppear, kSquareThenCircle };

struct MotionClass {
  const char* ssv2_template;   // "Moving [something] up"
  const char* kinetics_label;  // "moving up"
  Motion motion;
  bool reversed;  // the motion's frames in reversed order
};

// In alphabetical order under both names, so that a class has the same number in either format.
std::span<const MotionClass> motion_classes();

// Where one object is at one moment. Pixels of the video; angle in radians, clockwise on the screen.
struct Pose {
  double x = 0, y = 0;
  double radius = 0;
  double angle = 0;
  double opacity = 1;  // 0..1
};

// The course of one video, drawn at random. All draws are the same for both classes of a pair.
class Script {
 public:
  Script(Motion motion, const Difficulty& difficulty, int width, int height, Rng& rng);

  // Number of moving objects: 2 for kSquareThenCircle, else 1.
  std::size_t actors() const { return actors_.size(); }

  // Pose of an actor at time u in [0, 1].
  Pose pose(std::size_t actor, double u) const;

 private:
  struct Actor {
    Pose from, to;
    double fade_in = -1, fade_out = 2;           // times of half opacity
    double fade_in_s = 1e-3, fade_out_s = 1e-3;  // lengths of the fades, in units of u
  };
  double progress(double u) const;

  std::vector<Actor> actors_;
  double begin_ = 0, end_ = 1;  // still before and after
  double ease_ = 0;             // > 0: fast at both ends, < 0: slow at both ends
};

}  // namespace trecvit::synth
