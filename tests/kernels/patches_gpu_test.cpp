#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "fixtures.h"
#include "gpu_buffer.h"
#include "kernels/patches/patches_cuda.h"
#include "kernels/patches/reference.h"

namespace trecvit::kernels {
namespace {

template <class Io>
void expect_matches(std::int64_t frames, std::int64_t rows, std::int64_t columns, std::int64_t side, double tolerance) {
  SCOPED_TRACE(testing::Message() << frames << " frames, " << rows << " x " << columns << " patches of " << side);
  const std::int64_t count = frames * rows * columns * side * side * 3;
  Rng rng(4);
  std::vector<std::uint8_t> video(count);
  for (auto& level : video) level = static_cast<std::uint8_t>(rng.below(256));
  std::vector<double> expected(count);
  reference::patches(PatchesParams<double>{frames, rows, columns, side, video.data(), expected.data()});
  OnDevice device;
  std::vector<Io> ours = poisoned<Io>(count);
  patches_cuda<Io>({frames, rows, columns, side, device.in(video.data(), count), device.out(ours.data(), count)},
                   nullptr);
  device.finish();
  EXPECT_LE(worst_error(ours, expected), tolerance);
}

TEST(GpuPatches, MatchTheReference) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (const auto& [frames, rows, columns, side] :
       {std::array<std::int64_t, 4>{1, 1, 1, 1}, {2, 3, 5, 7}, {3, 14, 14, 16}, {1, 2, 9, 32}, {5, 2, 3, 4}}) {
    expect_matches<float>(frames, rows, columns, side, 1e-7);
    expect_matches<Bf16>(frames, rows, columns, side, 4e-3);
  }
}

}  // namespace
}  // namespace trecvit::kernels
#endif
