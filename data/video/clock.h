// Presentation times of frames that come one after another. Internal to data/video.
#pragma once

#include <cmath>
#include <cstdint>

#include "data/video/libav.h"

namespace trecvit::video {

// Seconds from the first frame, ascending: a time that is missing or not later than the one before follows the frame
// rate.
class Clock {
 public:
  // `step`: seconds per frame, where times are missing.
  Clock(AVRational unit, double step) : unit_(av_q2d(unit)), step_(step) {}

  double next(std::int64_t pts) {
    double time = count_ == 0 ? 0 : last_ + step_;
    if (pts != AV_NOPTS_VALUE) {
      if (!anchored_) origin_ = static_cast<double>(pts) * unit_ - time;
      anchored_ = true;
      const double told = static_cast<double>(pts) * unit_ - origin_;
      if (count_ == 0 || told > last_) time = told;
    }
    ++count_;
    return last_ = time;
  }

 private:
  double unit_, step_;
  double origin_ = 0, last_ = 0;
  std::int64_t count_ = 0;
  bool anchored_ = false;
};

}  // namespace trecvit::video
