#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/rng.h"
#include "gpu_buffer.h"
#include "kernels/planes_to_rgb/planes_to_rgb_cuda.h"
#include "kernels/planes_to_rgb/reference.h"

namespace trecvit::kernels {
namespace {

struct Problem {
  std::vector<std::uint8_t> samples;
  std::vector<ConvertPicture> pictures;
  std::int64_t width = 0, height = 0;
};

// One axis: a part that lies within the samples, or the whole axis, or one that reaches a sample beyond, as chroma
// does.
ConvertAxis draw_axis(int samples, int out, Rng& rng) {
  const double length = rng.chance(0.3) ? samples : rng.uniform(0.1, 1) * samples;
  const double start = rng.uniform(-0.3, 0.3) + rng.uniform() * (samples - length);
  return {.start = rng.chance(0.3) ? 0 : start, .step = length / out};
}

// Pictures of any size, depth, subsampling, mirrored and turned, all of width x height.
Problem draw(std::int64_t pictures, int width, int height, Rng& rng) {
  Problem problem{.width = width, .height = height};
  for (std::int64_t n = 0; n < pictures; ++n) {
    ConvertPicture picture{.components = rng.chance(0.2) ? 1 : 3};
    const bool turned = rng.chance(0.3), wide = rng.chance(0.4);
    picture.columns = turned ? height : width;
    picture.rows = turned ? width : height;
    const int along_x = rng.chance(0.5) ? -1 : 1, along_y = rng.chance(0.5) ? -width : width;
    picture.column_step = turned ? along_y : along_x;
    picture.row_step = turned ? along_x : along_y;
    picture.origin = (along_x < 0 ? width - 1 : 0) + (along_y < 0 ? width * (height - 1) : 0);
    const int stored_width = 1 + static_cast<int>(rng.below(300)), stored_height = 1 + static_cast<int>(rng.below(300));
    const int shift_x = static_cast<int>(rng.below(3)), shift_y = static_cast<int>(rng.below(2));
    for (int c = 0; c < picture.components; ++c) {
      ConvertComponent& part = picture.component[c];
      part.wide = wide;
      part.spacing = (wide ? 2 : 1) * (1 + static_cast<int>(rng.below(3)));
      part.width = c > 0 ? (stored_width + (1 << shift_x) - 1) >> shift_x : stored_width;
      part.height = c > 0 ? (stored_height + (1 << shift_y) - 1) >> shift_y : stored_height;
      part.stride = part.width * part.spacing + 2 * static_cast<int>(rng.below(9));
      part.at = static_cast<std::int64_t>(problem.samples.size());
      part.horizontal = draw_axis(part.width, picture.columns, rng);
      part.vertical = draw_axis(part.height, picture.rows, rng);
      const std::size_t bytes = static_cast<std::size_t>(part.stride) * static_cast<std::size_t>(part.height);
      for (std::size_t i = 0; i < (bytes + 1) / 2 * 2; ++i)
        problem.samples.push_back(static_cast<std::uint8_t>(wide && i % 2 == 1 ? rng.below(4) : rng.below(256)));
    }
    const double level = wide ? 0.25 : 1;  // ten bits
    for (int row = 0; row < 3; ++row) {
      picture.offset[row] = static_cast<float>(rng.uniform(-50, 50));
      for (float& factor : picture.matrix[row]) factor = static_cast<float>(level * rng.uniform(-0.5, 1.2));
    }
    problem.pictures.push_back(picture);
  }
  return problem;
}

TEST(GpuConvert, MatchesTheReferenceWithinALevel) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  Rng rng(6);
  for (const auto& [width, height] :
       {std::pair{1, 1}, {3, 2}, {17, 9}, {32, 8}, {33, 50}, {64, 64}, {100, 31}, {224, 224}}) {
    SCOPED_TRACE(testing::Message() << width << " x " << height);
    const Problem problem = draw(40, width, height, rng);
    const std::int64_t pictures = std::ssize(problem.pictures), pixels = pictures * width * height * 3;
    std::vector<std::uint8_t> expected(pixels, 1), ours(pixels, 77);
    ConvertParams params{.pictures = pictures,
                         .width = width,
                         .height = height,
                         .samples = problem.samples.data(),
                         .picture = problem.pictures.data(),
                         .rgb = expected.data()};
    reference::convert(params);
    OnDevice device;
    params.samples = device.in(problem.samples.data(), std::ssize(problem.samples));
    params.picture = device.in(problem.pictures.data(), pictures);
    params.rgb = device.out(ours.data(), pixels);
    convert_cuda(params, nullptr);
    device.finish();
    std::int64_t different = 0;
    for (std::int64_t i = 0; i < pixels; ++i) {
      ASSERT_LE(std::abs(ours[i] - expected[i]), 1) << "picture " << i / (width * height * 3);
      different += ours[i] != expected[i];
    }
    // Values within rounding of the middle between two levels.
    EXPECT_LE(different, pixels / 1000 + 2);
  }
}

TEST(GpuConvert, CopiesLevelsExactly) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  constexpr int kWidth = 37, kHeight = 21, kLevels = kWidth * kHeight * 3;
  Rng rng(7);
  std::vector<std::uint8_t> pixels(kLevels), ours(kLevels);
  for (std::uint8_t& level : pixels) level = static_cast<std::uint8_t>(rng.below(256));
  ConvertPicture copy{.columns = kWidth, .rows = kHeight, .row_step = kWidth};
  for (int c = 0; c < 3; ++c) {
    copy.component[c] = {.at = c, .stride = 3 * kWidth, .spacing = 3, .width = kWidth, .height = kHeight};
    copy.matrix[c][c] = 1;
  }
  OnDevice device;
  convert_cuda({.pictures = 1,
                .width = kWidth,
                .height = kHeight,
                .samples = device.in(pixels.data(), kLevels),
                .picture = device.in(&copy, 1),
                .rgb = device.out(ours.data(), kLevels)},
               nullptr);
  device.finish();
  EXPECT_EQ(ours, pixels);
}

}  // namespace
}  // namespace trecvit::kernels
#endif
