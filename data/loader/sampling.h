// Which frames of a video make a clip. Pure functions from the number of frames to frame numbers.
#pragma once

#include <cstdint>
#include <span>

#include "core/rng.h"
#include "config/data.h"

namespace trecvit {

// A video too short for T frames `stride` apart.
enum class ShortClip {
  kRepeatLast,  // the last frame stands still
  kLoop,        // begins again
  kStretch      // T frames evenly spread over the video, first and last included
};

struct Sampling {
  std::int64_t frames = 32;  // T
  std::int64_t stride = 2;   // dense only
  double fps = 0;            // frames that a Timeline counts per second; 0: the video's own
  bool uniform = false;      // one frame of each of T equal segments; videos of fewer frames repeat them
  ShortClip short_clip = ShortClip::kRepeatLast;  // dense only
};
Sampling sampling_of(const DataConfig& config);

// A video, or a part of one, as clips count it: its own frames, or `fps` ticks a second from its first frame to its
// last, each of which shows the frame nearest in time. So clips of videos of any rate, also a changing one, span the
// same seconds.
class Timeline {
 public:
  // times: ascending seconds, at least one; must outlive this object. fps 0: one tick per frame.
  Timeline(std::span<const double> times, double fps);
  std::int64_t count() const { return count_; }  // ticks, > 0
  std::int64_t frame(std::int64_t tick) const;   // number in `times`; tick in [0, count)

 private:
  std::span<const double> times_;
  double fps_;
  std::int64_t count_;
};

// The same choice while frames arrive one by one: every `stride`-th tick of what a Timeline of all of them would count,
// frame for frame. A tick is decided by the first frame that is there at its time, which may turn out to be further
// from it than the frame before. A gap of more than 65,536 ticks is taken for a jump of the source's clock: ticks go on
// behind it, and none fall into it.
class Pace {
 public:
  explicit Pace(std::int64_t stride = 1, double fps = 0) : stride_(stride), fps_(fps) {}

  // How often frames are taken now: first the frame before, then the one that has just arrived.
  struct Turns {
    std::int64_t before = 0, now = 0;
  };
  Turns arrive(double pts_s);  // asked once for every frame, in order
  Turns end();                 // no more frames: what the last one still shows

  bool looks_back() const { return fps_ > 0; }  // else `before` stays 0

 private:
  std::int64_t stride_;
  double fps_;
  std::int64_t seen_ = 0;  // frames
  std::int64_t next_ = 0;  // tick
  double first_ = 0;       // time of the frame where ticks count from
  double last_ = 0;        // of the latest frame, from there
};

// A clip for training from a video of `count` > 0 ticks: dense starts anywhere, uniform takes any tick of each segment.
// numbers: [T], each in [0, count), ascending unless the video loops.
void training_frames(std::int64_t count, const Sampling& sampling, Rng& rng, std::span<std::int64_t> numbers);

// Clip `clip` of `clips` for evaluation. Dense: one clip is centred, several start evenly spaced from the first tick to
// the last possible one. Uniform: one clip takes the middle of each segment, several the point clip / clips of it.
void evaluation_frames(std::int64_t count, const Sampling& sampling, std::int64_t clip, std::int64_t clips,
                       std::span<std::int64_t> numbers);

}  // namespace trecvit
