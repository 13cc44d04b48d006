// Random arguments for the temporal kernels, in double and rounded to the element type under test.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/rng.h"
#include "kernels/element.h"

namespace trecvit::kernels {

inline double to_double(float value) { return value; }
inline double to_double(Bf16 value) { return widen(value); }

template <class Io>
Io from_double(double value) {
  Io result;
  narrow(static_cast<float>(value), result);
  return result;
}

// The same numbers twice: as the kernel reads them, and widened (after rounding) for the reference.
template <class Io>
struct Numbers {
  std::vector<Io> io;
  std::vector<double> exact;
};

template <class Io>
Numbers<Io> random_numbers(std::int64_t count, Rng& rng, double scale, double shift = 0.0) {
  Numbers<Io> result;
  for (std::int64_t n = 0; n < count; ++n) {
    result.io.push_back(from_double<Io>(rng.normal() * scale + shift));
    result.exact.push_back(to_double(result.io.back()));
  }
  return result;
}

// Outputs start as NaN, so that an element nobody wrote shows.
template <class Io>
std::vector<Io> poisoned(std::int64_t count) {
  return std::vector<Io>(static_cast<std::size_t>(count), from_double<Io>(std::numeric_limits<double>::quiet_NaN()));
}

// max |actual - expected| over max(1, max |expected|); NaN when any element is.
template <class Io>
double worst_error(const std::vector<Io>& actual, const std::vector<double>& expected) {
  double largest = 1.0, worst = 0.0;
  for (double value : expected) largest = std::fmax(largest, std::fabs(value));
  for (std::size_t n = 0; n < expected.size(); ++n) {
    const double error = std::fabs(to_double(actual[n]) - expected[n]);
    if (std::isnan(error)) return error;
    worst = std::fmax(worst, error);
  }
  return worst / largest;
}

}  // namespace trecvit::kernels
