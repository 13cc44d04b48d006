// Batches of training with everything that training may change; extracted frames.
#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "data/video/rgb.h"
#include "data/video/decoder.h"
#include "data/video/picture_file.h"
#include "loader_support.h"

namespace trecvit::data_test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

// Everything at once, with a bad video among them.
TEST(Loader, AugmentedBatchesAreTheSameForAnyNumberOfWorkers) {
  const Spoilt set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 0.5;
  config.fps = 9;
  const Dataset dataset = open_dataset(config, "train");
  LoaderOptions options{.training = true, .batch = 6, .seed = 11};
  options.augment.repeats = 2;
  options.augment.crop = "resized";
  options.augment.hue = options.augment.saturation = options.augment.erase = 0.3;
  options.augment.rand_augment = 4;
  const std::vector<ClipBatch> expected = batches(dataset, config, options, 9);
  ASSERT_EQ(expected.size(), 9u);
  for (const int workers : {1, 2, 8}) {
    config.workers = workers;
    const std::vector<ClipBatch> got = batches(dataset, config, options, 9);
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(same(got[i], expected[i])) << i << ", workers " << workers;
  }
  options.start_batch = 7;
  EXPECT_TRUE(same(batches(dataset, config, options, 1)[0], expected[7]));
}

TEST(Loader, RepeatsCutSeveralClipsFromEachVideo) {
  DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "train");
  const std::vector<std::int64_t> mirror = mirrored_labels(dataset.labels);
  LoaderOptions options{.training = true, .batch = 6};
  options.augment.repeats = 3;
  Loader loader(dataset, config, options);
  EXPECT_EQ(loader.batches_per_epoch(), 12);  // of 2 videos
  std::set<std::int64_t> seen;
  int different = 0, exchanged = 0;
  for (int i = 0; i < 12; ++i) {
    ClipBatch batch;
    ASSERT_TRUE(loader.next(batch));
    EXPECT_EQ(batch.clips, 6);
    EXPECT_THAT(batch.views, ElementsAre(0, 1, 2, 0, 1, 2));
    for (std::size_t k = 0; k < 6; ++k) {
      EXPECT_EQ(batch.samples[k], batch.samples[k / 3 * 3]);
      const std::int64_t label = dataset.samples[static_cast<std::size_t>(batch.samples[k])].label;
      EXPECT_TRUE(batch.labels[k] == label || batch.labels[k] == mirror[static_cast<std::size_t>(label)]);
      exchanged += batch.labels[k] != label;
    }
    different += clip_of(batch, 0) != clip_of(batch, 1);
    seen.insert(batch.samples.begin(), batch.samples.end());
  }
  EXPECT_EQ(seen.size(), 24u);
  EXPECT_GT(different, 10);
  EXPECT_GT(exchanged, 0) << "each clip is mirrored on its own";
  EXPECT_EQ(loader.times().videos, 24);
  EXPECT_EQ(loader.times().kept, 72 * 4);
  EXPECT_GT(loader.times().total_s(), 0);
  // The first repeat is the clip that training without repeats sees.
  options.batch = 2;
  options.augment.repeats = 1;
  const auto single = batches(dataset, config, options, 1);
  options.batch = 6;
  options.augment.repeats = 3;
  const auto triple = batches(dataset, config, options, 1);
  EXPECT_EQ(clip_of(single[0], 1), clip_of(triple[0], 3));
  options.batch = 7;
  EXPECT_THAT(error_of([&] { Loader(dataset, config, options); }), HasSubstr("augment.repeats is 3"));
}

// 12 frames a second read at 6: what stride 2 gives.
TEST(Loader, SamplesBySeconds) {
  DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "validation");
  config.stride = 2;
  config.frames = 3;
  const auto by_frame = batches(dataset, config, {.batch = 12}, 1);
  config.stride = 1;
  config.fps = 6;
  const auto by_second = batches(dataset, config, {.batch = 12}, 1);
  int equal = 0;
  for (std::int64_t i = 0; i < 12; ++i) equal += clip_of(by_frame[0], i) == clip_of(by_second[0], i);
  EXPECT_GE(equal, 4) << "videos of an odd number of frames; in the others the centre lies half a tick elsewhere";
  config.fps = 1000;
  config.stride = 250;
  EXPECT_EQ(batches(dataset, config, {.batch = 12}, 1)[0].clips, 12);
}

TEST(Loader, ExtractedFramesAreReadAsTheVideo) {
  DataConfig config = small_config(small_set("ssv2"));
  Dataset dataset = open_dataset(config, "train");
  dataset.samples.resize(3);
  const TempFolder folder;
  Dataset extracted = dataset;
  for (Sample& sample : extracted.samples) {
    video::Decoder decoder(sample.path.string());
    const fs::path pictures = folder / ("video " + sample.id);
    fs::create_directories(pictures);
    std::vector<std::uint8_t> rgb(48 * 32 * 3);
    while (const video::Frame* frame = decoder.next()) {
      video::convert(*frame, video::whole(*frame), 48, 32, rgb.data());
      video::write_picture(pictures / text("img_", frame->number + 8, ".png"), rgb, 48, 32);
      ++sample.frames;
    }
    folder.write("video " + sample.id + "/notes.txt", "no picture");
    sample.path = pictures;
  }
  const auto of_videos = batches(dataset, config, {.batch = 3, .clips = 2}, 9);
  const auto of_pictures = batches(extracted, config, {.batch = 3, .clips = 2}, 9);
  ASSERT_EQ(of_videos.size(), of_pictures.size());
  for (std::size_t i = 0; i < of_videos.size(); ++i) {
    ASSERT_EQ(of_videos[i].video.size(), of_pictures[i].video.size());
    double difference = 0;
    for (std::size_t k = 0; k < of_videos[i].video.size(); ++k)
      difference += std::abs(of_videos[i].video[k] - of_pictures[i].video[k]);
    EXPECT_LT(difference / static_cast<double>(of_videos[i].video.size()), 3) << "chroma was scaled twice";
  }
  ++extracted.samples[1].frames;
  Loader loader(extracted, config, {.batch = 3});
  ClipBatch batch;
  ASSERT_TRUE(loader.next(batch));
  EXPECT_EQ(batch.clips, 2);
  EXPECT_THAT(loader.take_bad()[0].message, HasSubstr("pictures, but its list says"));
}

}  // namespace
}  // namespace trecvit::data_test
