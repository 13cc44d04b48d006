#include "data/video/triangle.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace trecvit::video {
namespace {

double height_at(double distance, double half_width) { return std::max(0.0, 1 - std::abs(distance) / half_width); }

void build(const Axis& axis, Triangle& table) {
  const double scale = axis.length / axis.out, half_width = std::max(1.0, scale);
  const auto out = static_cast<std::size_t>(axis.out);
  table.taps = 1;
  table.first.resize(out);
  const auto centre = [&](std::size_t i) {
    const double k = axis.reversed ? axis.out - 1 - static_cast<double>(i) : static_cast<double>(i);
    return axis.start + (k + 0.5) * scale;
  };
  // Weights below this are rounding errors of the positions.
  constexpr double kNothing = 1e-9;
  const auto range = [&](double at, int& first, int& last) {
    first = std::clamp(static_cast<int>(std::floor(at - half_width)), 0, axis.source - 1);
    last = std::clamp(static_cast<int>(std::ceil(at + half_width)), first + 1, axis.source);
    while (last - first > 1 && height_at(first + 0.5 - at, half_width) < kNothing) ++first;
    while (last - first > 1 && height_at(last - 0.5 - at, half_width) < kNothing) --last;
  };
  table.low = axis.source;
  table.high = 0;
  for (std::size_t i = 0; i < out; ++i) {
    int first = 0, last = 0;
    range(centre(i), first, last);
    table.taps = std::max(table.taps, last - first);
  }
  table.weights.assign(out * static_cast<std::size_t>(table.taps), 0.f);
  for (std::size_t i = 0; i < out; ++i) {
    const double at = centre(i);
    int first = 0, last = 0;
    range(at, first, last);
    double sum = 0;
    for (int j = first; j < last; ++j) sum += height_at(j + 0.5 - at, half_width);
    // All outputs have the same number of taps; near the end the window moves back so that it stays inside.
    const int begin = std::min(first, axis.source - table.taps);
    float* weights = &table.weights[i * static_cast<std::size_t>(table.taps)];
    for (int j = first; j < last; ++j) {
      // A sole sample at or beyond the end of its axis stands for everything there.
      weights[j - begin] =
          sum > 0 ? static_cast<float>(height_at(j + 0.5 - at, half_width) / sum) : 1.f / (last - first);
    }
    table.first[i] = begin;
    table.low = std::min(table.low, begin);
    table.high = std::max(table.high, begin + table.taps);
  }
}

}  // namespace

// A conversion holds up to six tables at once, so the one that gives way is the one used longest ago.
const Triangle& triangle(const Axis& axis) {
  struct Entry {
    Axis axis;
    Triangle table;
    std::uint64_t used = 0;  // time of the last use; 0: never
  };
  thread_local std::array<Entry, 16> entries;
  thread_local std::uint64_t time = 0;
  ++time;
  Entry* oldest = entries.data();
  for (Entry& entry : entries) {
    if (entry.used > 0 && entry.axis == axis) {
      entry.used = time;
      return entry.table;
    }
    if (entry.used < oldest->used) oldest = &entry;
  }
  oldest->used = time;
  oldest->axis = axis;
  build(axis, oldest->table);
  return oldest->table;
}

}  // namespace trecvit::video
