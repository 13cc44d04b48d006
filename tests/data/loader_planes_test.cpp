// Batches of planes: what the kernel's reference makes of them against batches of pixels.
#include <gmock/gmock.h>

#include "data/loader/augmentation.h"
#include "data/loader/packed_planes.h"
#include "kernels/planes_to_rgb/reference.h"
#include "loader_support.h"

namespace trecvit::data_test {
namespace {

// [T, B, H, W, 3], by way of the packed form.
std::vector<std::uint8_t> levels_of(const ClipBatch& batch) {
  const PackedPlanes size = packed_size(batch);
  std::vector<std::uint64_t> memory(size.bytes / 8);
  auto* packed = reinterpret_cast<std::uint8_t*>(memory.data());
  pack(batch, packed);
  std::vector<std::uint8_t> pixels(
      static_cast<std::size_t>(batch.frames * batch.clips * batch.height * batch.width * 3));
  kernels::reference::convert({.pictures = batch.frames * batch.clips,
                               .width = batch.width,
                               .height = batch.height,
                               .samples = packed + size.pictures_bytes,
                               .picture = reinterpret_cast<const kernels::ConvertPicture*>(packed),
                               .rgb = pixels.data()});
  return pixels;
}

void expect_equal(const ClipBatch& planes, const ClipBatch& pixels) {
  EXPECT_TRUE(planes.video.empty());
  EXPECT_TRUE(pixels.planes.empty());
  EXPECT_EQ(planes.clips, pixels.clips);
  EXPECT_EQ(planes.samples, pixels.samples);
  EXPECT_EQ(planes.labels, pixels.labels);
  EXPECT_EQ(planes.views, pixels.views);
  const std::vector<std::uint8_t> made = levels_of(planes);
  ASSERT_EQ(made.size(), pixels.video.size());
  int worst = 0;
  for (std::size_t i = 0; i < made.size(); ++i) worst = std::max(worst, std::abs(made[i] - pixels.video[i]));
  EXPECT_LE(worst, 1);
}

void expect_equal(const Dataset& dataset, const DataConfig& config, LoaderOptions options) {
  const std::vector<ClipBatch> pixels = batches(dataset, config, options, 6);
  options.planes = true;
  const std::vector<ClipBatch> planes = batches(dataset, config, options, 6);
  ASSERT_EQ(planes.size(), pixels.size());
  for (std::size_t i = 0; i < planes.size(); ++i) expect_equal(planes[i], pixels[i]);
}

TEST(LoaderPlanes, BecomeTheLevelsOfTrainingWithoutBadVideos) {
  const Spoilt set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 0.5;
  config.stride = 4;  // longer than the videos: the last frame stands still
  const Dataset dataset = open_dataset(config, "train");
  for (const char* crop : {"jitter", "resized", "multi_scale"}) {
    expect_equal(dataset, config, {.training = true, .batch = 6, .seed = 3, .augment = {.repeats = 2, .crop = crop}});
  }
}

TEST(LoaderPlanes, BecomeTheLevelsOfEvaluation) {
  DataConfig config = small_config(small_set("ssv2"));
  config.workers = 2;
  const Dataset dataset = open_dataset(config, "validation");
  expect_equal(dataset, config, {.batch = 12, .clips = 2, .crops = 3});
  expect_equal(dataset, config, {.batch = 5, .shuffle_frames = true});
  config.size = 8;  // so small that pictures are converted at once
  expect_equal(dataset, config, {.batch = 5});
}

TEST(LoaderPlanes, SharedFramesAreKeptOnce) {
  DataConfig config = small_config(small_set("ssv2"));
  config.stride = 4;  // longer than the videos: both clips begin at the first frame
  const Dataset dataset = open_dataset(config, "validation");
  const auto one = batches(dataset, config, {.batch = 1, .planes = true}, 1);
  const auto two = batches(dataset, config, {.batch = 1, .clips = 2, .planes = true}, 1);
  EXPECT_EQ(two[0].clips, 2);
  EXPECT_EQ(two[0].planes[0].samples, one[0].planes[0].samples);
}

TEST(LoaderPlanes, AreTheSameForAnyNumberOfWorkers) {
  const Spoilt set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 0.5;
  const Dataset dataset = open_dataset(config, "train");
  const LoaderOptions options{.training = true, .batch = 5, .seed = 11, .planes = true};
  const std::vector<ClipBatch> expected = batches(dataset, config, options, 9);
  for (const int workers : {1, 2, 8}) {
    config.workers = workers;
    const std::vector<ClipBatch> got = batches(dataset, config, options, 9);
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].planes.size(), expected[i].planes.size());
      for (std::size_t k = 0; k < got[i].planes.size(); ++k)
        EXPECT_EQ(got[i].planes[k].samples, expected[i].planes[k].samples);
      EXPECT_EQ(levels_of(got[i]), levels_of(expected[i]));
    }
  }
}

TEST(LoaderPlanes, AreRefusedWhereTrainingChangesLevels) {
  const DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "train");
  const LoaderOptions options{.training = true, .batch = 4, .augment = {.rand_augment = 2}, .planes = true};
  EXPECT_THROW(Loader(dataset, config, options), InternalError);
  EXPECT_FALSE(changes_pixels({}));
  EXPECT_FALSE(changes_pixels({.enabled = false, .rand_augment = 2}));
  EXPECT_TRUE(changes_pixels({.erase = 0.1}));
}

}  // namespace
}  // namespace trecvit::data_test
