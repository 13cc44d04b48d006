// Time for measurements: never set back, unrelated to the time of day.
#pragma once

#include <chrono>

namespace trecvit {

// Seconds and milliseconds since an arbitrary start.
inline double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
inline double now_ms() { return now_s() * 1e3; }

}  // namespace trecvit
