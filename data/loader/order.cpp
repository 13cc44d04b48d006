#include "data/loader/order.h"

#include "core/error.h"
#include "core/rng.h"

namespace trecvit {
namespace {

// The finaliser of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
std::uint64_t scramble(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

std::uint64_t mix(std::uint64_t a, std::uint64_t b) { return scramble(scramble(a) ^ b); }

Permutation::Permutation(std::int64_t n, std::uint64_t seed, std::uint64_t epoch)
    : n_(static_cast<std::uint64_t>(n)), half_bits_(1) {
  ensure(n > 0, "a permutation of ", n, " elements");
  while ((std::uint64_t{1} << (2 * half_bits_)) < n_) ++half_bits_;
  Rng rng(seed, mix(stream_id("loader.order"), epoch));
  for (std::uint64_t& key : keys_) key = (std::uint64_t{rng.bits()} << 32) | rng.bits();
}

std::int64_t Permutation::operator()(std::int64_t position) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  auto value = static_cast<std::uint64_t>(position);
  ensure(value < n_, "position ", position, " of ", n_);
  do {
    std::uint64_t left = value >> half_bits_, right = value & mask;
    for (const std::uint64_t key : keys_) {
      const std::uint64_t next = left ^ (scramble(right ^ key) & mask);
      left = right;
      right = next;
    }
    value = (left << half_bits_) | right;
  } while (value >= n_);
  return static_cast<std::int64_t>(value);
}

Shard evaluation_shard(std::int64_t n, int rank, int world) {
  return {.begin = n * rank / world, .end = n * (rank + 1) / world};
}

}  // namespace trecvit
