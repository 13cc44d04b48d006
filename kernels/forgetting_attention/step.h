// One frame of forgetting attention for rows that go on: a new query, key and value per row and head, against what is
// remembered of those before. Letters and formulas: params.h.
//
// Note [Forgetting for good]
// A key's decay D only falls, so one that no longer counts never will. Of its row's weight key j has at most
// exp(D_tj + 2 U), where U bounds the logits, for the row's own key has a logit of at least -U. `lost` is the sum of
// these bounds over all keys that were given up, and falls with every gate:
//
//   lost_t = f_t lost_{t-1} + sum of exp(D_tj + 2 U) over the keys j given up at t
//
// The oldest keys are given up as long as lost stays within `allowed`. When the ring is full the oldest one must go all
// the same; then lost may exceed it, which `worst` remembers. An output is off by at most 2 lost max|v|.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/element.h"

namespace trecvit::kernels {

inline constexpr double kForgettingEps = 4.5399929762484854e-05;  // exp(kForgettingLogEps)

// State that is all zeros remembers nothing. Key number t lies in line t mod window.
template <class Io>
struct ForgettingStep {
  std::int64_t rows = 0, heads = 0, head_width = 0, window = 0;  // rows, H, D, W; all at least 1
  const Io* q = nullptr;  // [rows, H, D], as k and v; rows `stride` elements apart
  const Io* k = nullptr;
  const Io* v = nullptr;
  std::int64_t q_stride = 0, k_stride = 0, v_stride = 0;
  const float* log_f = nullptr;  // [rows, H], finite, at most 0
  float bound = 0;               // U
  double allowed = kForgettingEps;
  Io* keys = nullptr;             // [rows, H, W, D]
  Io* values = nullptr;           // [rows, H, W, D]
  double* c = nullptr;            // [rows, H, W]: sums of log f up to the key
  std::int64_t* first = nullptr;  // [rows, H]: the oldest key that is remembered
  std::int64_t* next = nullptr;   // [rows, H]: the number of keys so far
  double* lost = nullptr;         // [rows, H]
  double* worst = nullptr;        // [rows, H]: the largest lost
  Io* out = nullptr;              // [rows, H, D]
};

// The books of one row's head: the next key comes, and old ones are given up. `c` is its ring, exp() in fp64. Returns c
// of the new key, number next - 1, which the caller writes; keys from `first` to that one remain.
template <class Exp>
constexpr double enter_key(std::int64_t window, double log_f, double bound, double allowed, const double* c,
                           std::int64_t& first, std::int64_t& next, double& lost, double& worst, const Exp& exp) {
  const std::int64_t now = next++;
  const double c_now = now > 0 ? c[(now - 1) % window] + log_f : 0.0;
  lost *= exp(log_f);
  while (first < now) {
    const double with_oldest = lost + exp(c_now - c[first % window] + 2 * bound);
    if (!(with_oldest <= allowed) && now - first < window) break;
    lost = with_oldest;
    ++first;
  }
  worst = lost > worst ? lost : worst;
  return c_now;
}

}  // namespace trecvit::kernels
