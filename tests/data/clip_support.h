// A small clip to change, with canaries between its frames.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/rng.h"
#include "data/transforms/clip_ops.h"

namespace trecvit::data_test {

constexpr int kHeight = 18, kWidth = 23;
constexpr std::int64_t kFrames = 3;

// Three frames that lie apart, as in a batch, with canaries between them.
struct Clip {
  static constexpr std::size_t kFrameBytes = static_cast<std::size_t>(kHeight) * kWidth * 3, kGap = 40;
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kFrames * (kFrameBytes + kGap), 77);

  explicit Clip(std::uint64_t seed, bool smooth = false) {
    Rng rng(seed);
    for (std::int64_t t = 0; t < kFrames; ++t) {
      for (int y = 0; y < kHeight; ++y) {
        for (int x = 0; x < kWidth; ++x) {
          for (int c = 0; c < 3; ++c) {
            const double wave = 128 + 60 * std::sin(0.25 * x + c) + 50 * std::cos(0.2 * y + static_cast<double>(t));
            at(t, y, x, c) = static_cast<std::uint8_t>(smooth ? std::lround(wave) : rng.below(256));
          }
        }
      }
    }
  }
  std::uint8_t& at(std::int64_t t, int y, int x, int c) {
    return bytes[static_cast<std::size_t>(t) * (kFrameBytes + kGap) +
                 (static_cast<std::size_t>(y) * kWidth + static_cast<std::size_t>(x)) * 3 +
                 static_cast<std::size_t>(c)];
  }
  ClipView view() {
    return {.pixels = bytes.data(),
            .frame_step = kFrameBytes + kGap,
            .frames = kFrames,
            .height = kHeight,
            .width = kWidth};
  }
  void expect_canaries() const {
    for (std::size_t t = 0; t < kFrames; ++t) {
      for (std::size_t i = 0; i < kGap; ++i) ASSERT_EQ(bytes[t * (kFrameBytes + kGap) + kFrameBytes + i], 77);
    }
  }
};

}  // namespace trecvit::data_test
