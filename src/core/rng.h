// Random numbers by counter: the n-th number of a stream depends on (seed, stream, n) alone, so that any position can be
// reached at once and results do not depend on threads or order. Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace trecvit {

// Four independent 32-bit words for one counter value.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// 64-bit FNV-1a: turns a name ("augment", a parameter's name) into a stream number.
std::uint64_t stream_id(std::string_view name);

// One stream of numbers. Copy it to replay; `position` may be set to any value.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  std::uint32_t bits();                       // 32 uniform bits
  double uniform();                           // in [0, 1), 32 bits of resolution
  double uniform(double low, double high);    // in [low, high)
  std::int64_t below(std::int64_t n);         // in [0, n), n > 0
  double normal();                            // mean 0, variance 1 (Box-Muller)
  bool chance(double p) { return uniform() < p; }

  std::uint64_t position = 0;  // numbers drawn so far

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
};

}  // namespace trecvit
