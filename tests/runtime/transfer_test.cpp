#include "runtime/transfer.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/rng.h"
#include "data/video/raw_frame.h"

namespace trecvit {
namespace {

// The same clips as planes and as pixels: [T, B] = [3, 3], two views of a YUV picture and one of an RGB picture.
struct Clips {
  ClipBatch planes, pixels;
};

Clips make_clips(std::uint64_t seed) {
  constexpr int kSize = 40, kWidth = 75, kHeight = 51;
  Clips clips;
  for (ClipBatch* batch : {&clips.planes, &clips.pixels}) {
    batch->frames = batch->clips = 3;
    batch->height = batch->width = kSize;
  }
  clips.planes.planes.resize(2);
  clips.pixels.video.resize(9 * kSize * kSize * 3);
  Rng rng(seed);
  int clip = 0;
  for (const auto& [format, views] : {std::pair{video::RawFormat::kYuv420p, 2}, {video::RawFormat::kRgb24, 1}}) {
    video::Planes& planes = clips.planes.planes[format == video::RawFormat::kRgb24];
    planes.pictures.resize(static_cast<std::size_t>(3 * views));
    for (int t = 0; t < 3; ++t) {
      std::vector<std::uint8_t> pixels(static_cast<std::size_t>(video::raw_frame_bytes(format, kWidth, kHeight)));
      for (std::uint8_t& value : pixels) value = static_cast<std::uint8_t>(rng.below(256));
      const video::RawFrame raw(pixels, format, kWidth, kHeight);
      std::vector<video::View> chosen;
      for (int view = 0; view < views; ++view)
        chosen.push_back({.x = 20.0 * view, .y = 0.5, .width = 50, .height = 50, .flip = view == 1});
      video::extract_planes(raw.frame(), chosen, kSize, kSize, 1 << 20, planes.samples, &planes.pictures[t * views]);
      for (int view = 0; view < views; ++view)
        video::convert(raw.frame(), chosen[view], kSize, kSize,
                       &clips.pixels.video[static_cast<std::size_t>((t * 3 + clip + view) * kSize * kSize * 3)]);
    }
    clip += views;
  }
  return clips;
}

void expect_equal(at::Device device) {
  Upload upload(device), upload_levels(device);
  for (const std::uint64_t seed : {1, 2, 3}) {  // more than there are buffers
    Clips clips = make_clips(seed);
    const at::Tensor planes = upload(clips.planes).cpu().to(at::kInt),
                     pixels = upload_levels(clips.pixels).cpu().to(at::kInt);
    EXPECT_EQ(planes.sizes(), pixels.sizes());
    EXPECT_LE((planes - pixels).abs().max().item<int>(), 1);
    EXPECT_GT(pixels.to(at::kFloat).std().item<float>(), 10);
  }
}

TEST(Upload, PlanesBecomeTheLevelsOfTheirBatch) { expect_equal(at::kCPU); }

TEST(GpuUpload, PlanesBecomeTheLevelsOfTheirBatch) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  expect_equal(at::Device(at::kCUDA, 0));
}

TEST(Upload, WhereFramesBecomeRgb) {
  const at::Device gpu(at::kCUDA, 0);
  EXPECT_FALSE(takes_planes({.convert = "auto"}, at::kCPU));
  EXPECT_FALSE(takes_planes({.convert = "cpu"}, gpu));
  EXPECT_TRUE(takes_planes({.convert = "auto"}, gpu));
  EXPECT_TRUE(takes_planes({.convert = "gpu"}, gpu, AugmentConfig{}));
  EXPECT_FALSE(takes_planes({.convert = "gpu"}, gpu, AugmentConfig{.grey = 0.2}));
  EXPECT_THROW(takes_planes({.convert = "gpu"}, at::kCPU), UsageError);
}

}  // namespace
}  // namespace trecvit
