#include "data/synth/motion.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace trecvit::synth {
namespace {

constexpr double kPi = std::numbers::pi;

constexpr MotionClass kClasses[] = {
    {"Moving [something] away from the camera", "moving away from the camera", Motion::kTowards, true},
    {"Moving [something] down", "moving down", Motion::kDown, false},
    {"Moving [something] from left to right", "moving from left to right", Motion::kAcross, false},
    {"Moving [something] from right to left", "moving from right to left", Motion::kAcross, true},
    {"Moving [something] towards the camera", "moving towards the camera", Motion::kTowards, false},
    {"Moving [something] up", "moving up", Motion::kDown, true},
    {"Showing a circle and then a square on [something]", "showing circle then square", Motion::kSquareThenCircle,
     true},
    {"Showing a square and then a circle on [something]", "showing square then circle", Motion::kSquareThenCircle,
     false},
    {"[Something] appearing", "slowly appearing", Motion::kAppear, false},
    {"[Something] disappearing", "slowly disappearing", Motion::kAppear, true},
    {"Turning [something] anticlockwise", "turning anticlockwise", Motion::kTurn, true},
    {"Turning [something] clockwise", "turning clockwise", Motion::kTurn, false},
};

double smooth_step(double x) {
  x = std::clamp(x, 0.0, 1.0);
  return x * x * (3 - 2 * x);
}

}  // namespace

std::span<const MotionClass> motion_classes() { return kClasses; }

// Note [Symmetric scripts]: every distribution below is its own mirror image in time and in space: the still parts at
// the two ends, the easing (p(1 - u) = 1 - p(u)), and the places. So a mirrored video of a left/right or turning class
// is distributed as a video of its partner too, which label-aware flips rely on.
Script::Script(Motion motion, const Difficulty& difficulty, int width, int height, Rng& rng) {
  // Measured by the short side, near what a square crop of the picture keeps.
  const double h = std::min(width, height), w = std::min<double>(width, h * 4.0 / 3.0);
  const double middle_x = width * 0.5, middle_y = height * 0.5;
  begin_ = rng.uniform(0, 0.12);
  end_ = 1 - rng.uniform(0, 0.12);
  ease_ = rng.uniform(-0.5, 0.5);
  const auto from = [&](Range range) { return rng.uniform(range.low, range.high); };
  const double radius = h * from(difficulty.radius);
  const auto anywhere = [&](double share) {
    return Pose{.x = middle_x + rng.uniform(-share, share) * (w * 0.75),
                .y = middle_y + rng.uniform(-share, share) * h,
                .radius = radius,
                .angle = rng.uniform(0, 2 * kPi)};
  };
  Actor actor;
  switch (motion) {
    case Motion::kAcross:
    case Motion::kDown: {
      const bool across = motion == Motion::kAcross;
      const double half = h * from(difficulty.half_way);
      const double slack = 0.36 * h - half;
      const double along = rng.uniform(-slack, slack), beside = rng.uniform(-0.26, 0.26) * h;
      actor.from = actor.to = anywhere(0);
      (across ? actor.from.x : actor.from.y) += along - half;
      (across ? actor.to.x : actor.to.y) += along + half;
      (across ? actor.from.y : actor.from.x) += beside;
      (across ? actor.to.y : actor.to.x) += beside;
      break;
    }
    case Motion::kTowards: {
      actor.from = actor.to = anywhere(0.14);
      const double growth = std::sqrt(from(difficulty.growth));
      actor.from.radius = radius / growth;
      actor.to.radius = radius * growth;
      break;
    }
    case Motion::kTurn: {
      actor.from = actor.to = anywhere(difficulty.turn_place);
      actor.from.radius = actor.to.radius = h * from(difficulty.turn_radius);
      const double half = rng.uniform(70, 110) * kPi / 180;
      actor.from.angle -= half;
      actor.to.angle += half;
      break;
    }
    case Motion::kAppear: {
      actor.from = actor.to = anywhere(0.2);
      actor.from.radius = actor.to.radius = radius * 1.2;
      actor.fade_in = rng.uniform(0.3, 0.7);
      actor.fade_in_s = rng.uniform(0.15, 0.5);
      break;
    }
    case Motion::kSquareThenCircle: {
      const double between = rng.uniform(0.46, 0.54);
      for (const bool first : {true, false}) {
        Actor event;
        event.from = event.to = anywhere(0.15);
        // Which of the two it is must be plain to see: order is the task, not shape.
        if (difficulty.told_by_colour) event.from.angle = event.to.angle = rng.uniform(-0.2, 0.2);
        event.from.radius = event.to.radius = radius * rng.uniform(1.2, 1.5);
        event.fade_in_s = event.fade_out_s = rng.uniform(0.05, 0.12);
        const double gap = rng.uniform(0.05, 0.1), length = rng.uniform(0.25, 0.34);
        event.fade_in = first ? between - gap - length : between + gap;
        event.fade_out = first ? between - gap : between + gap + length;
        actors_.push_back(event);
      }
      return;
    }
  }
  actors_.push_back(actor);
}

double Script::progress(double u) const {
  const double v = std::clamp((u - begin_) / (end_ - begin_), 0.0, 1.0);
  return v + ease_ * std::sin(2 * kPi * v) / (2 * kPi);
}

Pose Script::pose(std::size_t index, double u) const {
  const Actor& actor = actors_[index];
  const double p = progress(u);
  Pose pose;
  pose.x = std::lerp(actor.from.x, actor.to.x, p);
  pose.y = std::lerp(actor.from.y, actor.to.y, p);
  pose.angle = std::lerp(actor.from.angle, actor.to.angle, p);
  // Equal ratios in equal times: what an approach at constant relative speed looks like.
  pose.radius = actor.from.radius * std::pow(actor.to.radius / actor.from.radius, p);
  const double in = smooth_step((u - actor.fade_in) / actor.fade_in_s + 0.5);
  const double out = smooth_step((actor.fade_out - u) / actor.fade_out_s + 0.5);
  pose.opacity = std::min(in, out);
  return pose;
}

}  // namespace trecvit::synth
