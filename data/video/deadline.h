// When a call must end: its time is over, or its caller was asked to stop.
#pragma once

#include <chrono>
#include <functional>

namespace trecvit::video {

// Steady clock. Without start() there is no limit.
class Deadline {
 public:
  // `stop` may be asked at any moment, from the thread that waits; empty: nobody stops it.
  explicit Deadline(std::function<bool()> stop = {}) : stop_(std::move(stop)) {}

  void start(double seconds) {
    // A century stands for "no limit" and keeps the sum inside the clock's range.
    const double limit = seconds > 0 && seconds < 3e9 ? seconds : 3e9;
    end_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(limit));
  }

  bool stopped() const { return stop_ && stop_(); }
  bool passed() const { return Clock::now() >= end_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::function<bool()> stop_;
  Clock::time_point end_ = Clock::time_point::max();
};

}  // namespace trecvit::video
