#include "data/loader/sampling.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace trecvit {
namespace {

// Of a tick, by which the last one may lie behind the last frame.
constexpr double kSlack = 0.1;

// Seconds by which the frame that is a tick's own may come early: containers round times to milliseconds, and the first
// frame's time is rounded too.
double early(double fps) { return std::min(kSlack / fps, 0.001001); }

// `seconds`: from the first frame to the last.
std::int64_t tick_count(double seconds, double fps) {
  constexpr double kMost = 1 << 30;  // a damaged file may claim to last for ages
  return static_cast<std::int64_t>(std::min(seconds * fps + kSlack, kMost)) + 1;
}

// Of two neighbours around a tick; the later one when both are equally far, whatever the last bits of their times.
bool earlier_is_nearer(double before, double tick, double after) { return tick - before < after - tick - 1e-6; }

// Last frame of a dense clip, counted from its first.
std::int64_t reach(const Sampling& s) { return (s.frames - 1) * s.stride; }

void dense(std::int64_t count, const Sampling& s, std::int64_t start, std::span<std::int64_t> numbers) {
  for (std::int64_t t = 0; t < s.frames; ++t) numbers[static_cast<std::size_t>(t)] = start + t * s.stride;
  if (start + reach(s) < count) return;
  for (std::int64_t t = 0; t < s.frames; ++t) {
    std::int64_t& number = numbers[static_cast<std::size_t>(t)];
    switch (s.short_clip) {
      case ShortClip::kRepeatLast:
        number = std::min(number, count - 1);
        break;
      case ShortClip::kLoop:
        number %= count;
        break;
      case ShortClip::kStretch:
        // Rounded to the nearest frame.
        number = s.frames == 1 ? 0 : (2 * t * (count - 1) + (s.frames - 1)) / (2 * (s.frames - 1));
        break;
    }
  }
}

}  // namespace

Sampling sampling_of(const DataConfig& config) {
  return {.frames = config.frames,
          .stride = config.stride,
          .fps = config.fps,
          .uniform = config.sampling == "uniform",
          .short_clip = config.short_clip == "loop"      ? ShortClip::kLoop
                        : config.short_clip == "stretch" ? ShortClip::kStretch
                                                         : ShortClip::kRepeatLast};
}

Timeline::Timeline(std::span<const double> times, double fps) : times_(times), fps_(fps), count_(std::ssize(times)) {
  ensure(!times.empty(), "a timeline without frames");
  if (fps_ > 0) count_ = tick_count(times.back() - times.front(), fps_);
}

std::int64_t Timeline::frame(std::int64_t tick) const {
  if (fps_ <= 0) return tick;
  const double first = times_.front(), time = static_cast<double>(tick) / fps_;
  const auto comes_before = [first](double frame, double wanted) { return frame - first < wanted; };
  const auto there = std::lower_bound(times_.begin(), times_.end(), time - early(fps_), comes_before) - times_.begin();
  if (there == 0) return 0;
  if (there == std::ssize(times_)) return there - 1;
  const auto at = static_cast<std::size_t>(there);
  return earlier_is_nearer(times_[at - 1] - first, time, times_[at] - first) ? there - 1 : there;
}

Pace::Turns Pace::arrive(double pts_s) {
  constexpr double kLongestGap = 65536;  // ticks
  const bool begins = seen_++ == 0;
  if (fps_ <= 0) return {.now = (seen_ - 1) % stride_ == 0};
  if (begins || (pts_s - first_ - last_) * fps_ > kLongestGap) {
    first_ = pts_s;
    next_ = 0;
  }
  const double now = pts_s - first_;
  Turns turns;
  for (;; next_ += stride_) {
    const double time = static_cast<double>(next_) / fps_;
    if (now < time - early(fps_)) break;
    ++(next_ > 0 && earlier_is_nearer(last_, time, now) ? turns.before : turns.now);
  }
  last_ = now;
  return turns;
}

Pace::Turns Pace::end() {
  if (fps_ <= 0 || seen_ == 0) return {};
  const std::int64_t ticks = tick_count(last_, fps_) - next_;
  return {.before = ticks > 0 ? (ticks - 1) / stride_ + 1 : 0};
}

void training_frames(std::int64_t count, const Sampling& s, Rng& rng, std::span<std::int64_t> numbers) {
  ensure(count > 0 && std::ssize(numbers) == s.frames, "a clip of ", numbers.size(), " frames from ", count);
  if (!s.uniform) {
    const std::int64_t starts = std::max<std::int64_t>(1, count - reach(s));
    dense(count, s, rng.below(starts), numbers);
    return;
  }
  for (std::int64_t t = 0; t < s.frames; ++t) {
    const double place = (static_cast<double>(t) + rng.uniform()) * static_cast<double>(count);
    const auto number = static_cast<std::int64_t>(place / static_cast<double>(s.frames));
    numbers[static_cast<std::size_t>(t)] = std::min(number, count - 1);
  }
}

void evaluation_frames(std::int64_t count, const Sampling& s, std::int64_t clip, std::int64_t clips,
                       std::span<std::int64_t> numbers) {
  ensure(count > 0 && std::ssize(numbers) == s.frames && clip >= 0 && clip < clips, "clip ", clip, " of ", clips, ": ",
         numbers.size(), " frames from ", count);
  if (!s.uniform) {
    const std::int64_t last_start = std::max<std::int64_t>(0, count - 1 - reach(s));
    dense(count, s, clips == 1 ? last_start / 2 : last_start * clip / (clips - 1), numbers);
    return;
  }
  // ((t + place) / T) * count, in whole numbers: place is 1/2 of one clip, clip / clips of several.
  const std::int64_t parts = clips == 1 ? 2 : clips, part = clips == 1 ? 1 : clip;
  for (std::int64_t t = 0; t < s.frames; ++t) {
    numbers[static_cast<std::size_t>(t)] = (parts * t + part) * count / (parts * s.frames);
  }
}

}  // namespace trecvit
