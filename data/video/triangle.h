// Tables of the antialiased bilinear filter along one axis. Internal to data/video.
#pragma once

#include <vector>

namespace trecvit::video {

// Output sample i is the sum over t < taps of weights[i * taps + t] * source[first[i] + t]; every source index is
// valid.
struct Triangle {
  int taps = 0;
  int low = 0, high = 0;  // source samples used: low <= index < high
  std::vector<int> first;
  std::vector<float> weights;
};

// Which part of an axis becomes which output. Positions in samples; sample j has its centre at j + 0.5.
struct Axis {
  int source = 0;  // samples there are
  int out = 0;     // samples wanted
  double start = 0, length = 0;
  bool reversed = false;  // the first output is the last of the part
  bool operator==(const Axis&) const = default;
};

// A triangle of half-width max(1, length / out) around each output's centre, cut off at the ends of the axis and scaled
// to sum to one. Kept in a small table per thread: a reference is valid until sixteen other axes were asked for.
const Triangle& triangle(const Axis& axis);

}  // namespace trecvit::video
