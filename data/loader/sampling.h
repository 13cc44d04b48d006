// Which frames of a video make a clip. Pure functions from the number of frames to frame numbers.
#pragma once

#include <cstdint>
#include <span>

#include "core/rng.h"
#include "data/config.h"

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
  bool uniform = false;      // one frame of each of T equal segments; videos of fewer frames repeat them
  ShortClip short_clip = ShortClip::kRepeatLast;  // dense only
};
Sampling sampling_of(const DataConfig& config);

// A clip for training from a video of `count` > 0 frames: dense starts anywhere, uniform takes any frame of each
// segment. numbers: [T], each in [0, count), ascending unless the video loops.
void training_frames(std::int64_t count, const Sampling& sampling, Rng& rng, std::span<std::int64_t> numbers);

// Clip `clip` of `clips` for evaluation. Dense: one clip is centred, several start evenly spaced from the first frame
// to the last possible one. Uniform: the point (clip + 0.5) / clips of each segment, so one clip takes the middles.
void evaluation_frames(std::int64_t count, const Sampling& sampling, std::int64_t clip, std::int64_t clips,
                       std::span<std::int64_t> numbers);

}  // namespace trecvit
