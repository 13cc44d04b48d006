// The order in which training meets its videos: a function of (seed, epoch, position) alone, so that a run may resume
// at any batch without replaying what came before.
#pragma once

#include <cstdint>

namespace trecvit {

// A random permutation of 0 .. n-1 whose elements are computed one by one: a Feistel network over the next power of
// four, walked until it lands below n (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). Under four
// steps on average.
class Permutation {
 public:
  Permutation(std::int64_t n, std::uint64_t seed, std::uint64_t epoch);  // n > 0
  std::int64_t operator()(std::int64_t position) const;                  // position in [0, n)

 private:
  static constexpr int kRounds = 8;
  std::uint64_t n_;
  int half_bits_;
  std::uint64_t keys_[kRounds];
};

// Well-mixed 64 bits from two numbers; for stream numbers of Rng.
std::uint64_t mix(std::uint64_t a, std::uint64_t b);

// The part of 0 .. n-1 that `rank` of `world` evaluates: every element belongs to exactly one rank.
struct Shard {
  std::int64_t begin = 0, end = 0;
};
Shard evaluation_shard(std::int64_t n, int rank, int world);

}  // namespace trecvit
