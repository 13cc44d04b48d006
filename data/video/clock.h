// Presentation times of frames that come one after another. Internal to data/video.
#pragma once

#include <cmath>
#include <cstdint>

#include "data/video/libav.h"

namespace trecvit::video {

// Damaged files hold times whose difference does not fit 64 bits.
inline double seconds_between(std::int64_t from, std::int64_t to, double unit) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(to, from, &difference)) return static_cast<double>(difference) * unit;
  return (static_cast<double>(to) - static_cast<double>(from)) * unit;
}

// Seconds from the first frame, ascending: a time that is missing or not later than the one before follows the frame
// rate.
class Clock {
 public:
  // `step`: seconds per frame, where times are missing.
  Clock(AVRational unit, double step) : unit_(av_q2d(unit)), step_(step) {}

  double next(std::int64_t pts) {
    double time = count_ == 0 ? 0 : last_ + step_;
    if (pts != AV_NOPTS_VALUE) {
      if (!anchored_) {
        origin_ = pts;
        offset_ = time;
      }
      anchored_ = true;
      // To the bit what an index of the same times says.
      const double told = seconds_between(origin_, pts, unit_) + offset_;
      if (count_ == 0 || told > last_) time = told;
    }
    ++count_;
    return last_ = time;
  }

 private:
  double unit_, step_;
  std::int64_t origin_ = 0;  // the first time there was, and where it lies
  double offset_ = 0, last_ = 0;
  std::int64_t count_ = 0;
  bool anchored_ = false;
};

}  // namespace trecvit::video
