#include "data/datasets/stats.h"

#include <gmock/gmock.h>

#include "synth_support.h"

namespace trecvit::data_test {
namespace {

namespace fs = std::filesystem;

TEST(Stats, CountsWhatIsThere) {
  const Dataset dataset = open_dataset(small_config(small_set("kinetics")), "train");
  const DatasetStats one = gather_stats(dataset, {.workers = 1}), three = gather_stats(dataset, {.workers = 3});
  EXPECT_EQ(one.videos, 24);
  EXPECT_EQ(one.facts.size(), 24u);
  EXPECT_THAT(one.classes.videos, testing::Each(2));
  EXPECT_EQ(one.classes.unlabelled, 0);
  for (std::size_t i = 0; i < one.facts.size(); ++i) {
    const VideoFacts& facts = one.facts[i];
    EXPECT_EQ(facts.codec, "h264");
    EXPECT_EQ(facts.width, 48);
    EXPECT_EQ(facts.height, 32);
    EXPECT_EQ(facts.fps, 12);
    EXPECT_TRUE(facts.frames >= 6 && facts.frames <= 9);
    EXPECT_NEAR(facts.duration_s, static_cast<double>(facts.frames) / 12, 0.01);
    EXPECT_EQ(facts.bytes, static_cast<std::int64_t>(fs::file_size(dataset.samples[i].path)));
    EXPECT_EQ(facts.frames, three.facts[i].frames);
  }
}

TEST(Stats, LeavesOutWhatCannotBeRead) {
  const TempFolder folder;
  Dataset dataset = open_dataset(small_config(small_set("ssv2")), "validation");
  dataset.samples.resize(3);
  dataset.samples[1].path = folder.write("words.webm", "no video");
  dataset.samples[2].label = -1;
  const DatasetStats stats = gather_stats(dataset, {});
  EXPECT_EQ(stats.videos, 3);
  EXPECT_EQ(stats.facts.size(), 2u);
  EXPECT_EQ(stats.classes.unlabelled, 1);
}

}  // namespace
}  // namespace trecvit::data_test
