#include "core/rng.h"

#include <gtest/gtest.h>

#include <cmath>

namespace trecvit {
namespace {

// Known answers of Philox4x32-10 from the Random123 distribution (kat_vectors).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Rng, AnyPositionIsReachedAtOnce) {
  Rng walked(7, 3);
  for (int i = 0; i < 1001; ++i) walked.bits();
  Rng jumped(7, 3);
  jumped.position = 1001;
  EXPECT_EQ(walked.bits(), jumped.bits());
}

TEST(Rng, StreamsAndSeedsDiffer) {
  EXPECT_NE(Rng(1, 1).bits(), Rng(1, 2).bits());
  EXPECT_NE(Rng(1, 1).bits(), Rng(2, 1).bits());
  EXPECT_NE(stream_id("a"), stream_id("b"));
}

TEST(Rng, Moments) {
  Rng rng(11);
  constexpr int kDraws = 200000;
  double sum = 0, squares = 0, uniform = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double z = rng.normal();
    sum += z;
    squares += z * z;
    uniform += rng.uniform();
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
  EXPECT_NEAR(uniform / kDraws, 0.5, 0.005);
}

TEST(Rng, BelowStaysBelow) {
  Rng rng(5);
  for (int i = 0; i < 1000; ++i) {
    const auto v = rng.below(7);
    EXPECT_GE(v, 0);
    EXPECT_LT(v, 7);
  }
}

}  // namespace
}  // namespace trecvit
