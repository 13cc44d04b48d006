// The threshold of Note [Pruned tiles] under which nothing of weight is lost, and the certificate by which a stream
// forgets for good.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/error.h"

namespace trecvit::kernels {

// The share of a row's weights, which sum to 1, that may be lost: log eps.
inline constexpr double kForgettingLogEps = -10.0;

// The next fp32 at or below a value.
inline float rounded_down(double value) {
  const float near = static_cast<float>(value);
  return static_cast<double>(near) > value ? std::nextafter(near, -std::numeric_limits<float>::infinity()) : near;
}

// -2 U - log N + log eps, rounded away from 0, where U bounds the logits: |q k| / sqrt(D) <= U. Of N keys those below
// it have less than eps of a row's weight, for the row's own key has a logit of at least -U, and they at most U. Error:
// U is not a finite number from 0 on.
inline float forgetting_threshold(double bound, std::int64_t keys) {
  if (!(bound >= 0) || !std::isfinite(bound)) {
    throw Error("forgetting attention: the bound of the logits is ", bound, "; it must be a finite number from 0 on");
  }
  ensure(keys >= 1, "forgetting attention: ", keys, " keys");
  return rounded_down(-2 * bound - std::log(static_cast<double>(keys)) + kForgettingLogEps);
}

// Error unless a threshold can be meant: negative, or -infinity, which drops nothing.
inline void check_forgetting_threshold(double threshold) {
  if (!(threshold < 0)) {
    throw Error("forgetting attention: the threshold is ", threshold,
                "; it must be negative, or -inf to leave nothing out");
  }
}

}  // namespace trecvit::kernels
