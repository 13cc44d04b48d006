#include "data/loader/loader.h"

#include <gmock/gmock.h>

#include <set>

#include "loader_support.h"

namespace trecvit::data_test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Loader, TrainingBatchesAreTheSameForAnyNumberOfWorkers) {
  const Spoilt set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 0.5;
  const Dataset dataset = open_dataset(config, "train");
  const LoaderOptions options{.training = true, .batch = 5, .seed = 11};
  const std::vector<ClipBatch> expected = batches(dataset, config, options, 9);
  ASSERT_EQ(expected.size(), 9u);
  for (const int workers : {1, 3, 8}) {
    config.workers = workers;
    const std::vector<ClipBatch> got = batches(dataset, config, options, 9);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(same(got[i], expected[i])) << i << ", workers " << workers;
  }
}

TEST(Loader, EpochsAreDifferentOrdersOfAllVideos) {
  const DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "train");
  Loader loader(dataset, config, {.training = true, .batch = 6});
  EXPECT_EQ(loader.batches_per_epoch(), 4);
  std::vector<std::vector<std::int64_t>> epochs(2);
  ClipBatch batch;
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(loader.next(batch));
    EXPECT_EQ(batch.position, i);
    EXPECT_EQ(batch.epoch, i / 4);
    EXPECT_EQ(batch.clips, 6);
    EXPECT_EQ(batch.video.size(), 4u * 6 * 16 * 16 * 3);
    epochs[static_cast<std::size_t>(i / 4)].insert(epochs[static_cast<std::size_t>(i / 4)].end(), batch.samples.begin(),
                                                   batch.samples.end());
  }
  EXPECT_NE(epochs[0], epochs[1]);
  for (const auto& epoch : epochs) EXPECT_EQ(std::set(epoch.begin(), epoch.end()).size(), 24u);
}

TEST(Loader, ResumesAtAnyBatch) {
  DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "train");
  LoaderOptions options{.training = true, .batch = 5, .seed = 2};
  const std::vector<ClipBatch> whole = batches(dataset, config, options, 8);
  config.workers = 2;
  options.start_batch = 6;
  const std::vector<ClipBatch> rest = batches(dataset, config, options, 2);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_TRUE(same(rest[0], whole[6]));
  EXPECT_TRUE(same(rest[1], whole[7]));
}

TEST(Loader, RanksTogetherMakeTheGlobalBatch) {
  const DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "train");
  const auto whole = batches(dataset, config, {.training = true, .batch = 6, .seed = 1}, 5);
  for (int rank = 0; rank < 3; ++rank) {
    const auto part = batches(dataset, config, {.training = true, .batch = 2, .seed = 1, .rank = rank, .world = 3}, 5);
    for (std::size_t i = 0; i < part.size(); ++i) {
      for (std::int64_t k = 0; k < 2; ++k) EXPECT_EQ(clip_of(part[i], k), clip_of(whole[i], rank * 2 + k));
    }
  }
}

TEST(Loader, EvaluationSeesEachVideoOnceWithAllViews) {
  DataConfig config = small_config(small_set("ssv2"));
  config.workers = 2;
  config.stride = 1;  // every video is longer than a clip
  const Dataset dataset = open_dataset(config, "val");
  const auto all = batches(dataset, config, {.batch = 20, .clips = 2, .crops = 3}, 100);
  ASSERT_EQ(all.size(), 4u);  // 3 videos of 6 views each
  std::vector<std::int64_t> samples;
  for (const ClipBatch& batch : all) {
    EXPECT_EQ(batch.clips, 18);
    for (std::int64_t i = 0; i < batch.clips; ++i) {
      EXPECT_EQ(batch.views[static_cast<std::size_t>(i)], i % 6);
      const auto sample = static_cast<std::size_t>(batch.samples[static_cast<std::size_t>(i)]);
      EXPECT_EQ(batch.labels[static_cast<std::size_t>(i)], dataset.samples[sample].label);
      if (i % 6 == 0) samples.push_back(batch.samples[static_cast<std::size_t>(i)]);
    }
    EXPECT_NE(clip_of(batch, 0), clip_of(batch, 2));  // left and right crop
    EXPECT_NE(clip_of(batch, 0), clip_of(batch, 3));  // first and second clip
  }
  EXPECT_THAT(samples, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  // The single view is the centre crop of the same pixels.
  config.workers = 0;
  const auto centre = batches(dataset, config, {.batch = 5, .clips = 1, .crops = 1}, 100);
  ASSERT_EQ(centre.size(), 3u);
  EXPECT_EQ(centre.back().clips, 2);
  const auto three = batches(dataset, config, {.batch = 3, .clips = 1, .crops = 3}, 1);
  EXPECT_EQ(clip_of(three[0], 1), clip_of(centre[0], 0));
}

TEST(Loader, EvaluationShardsAreDisjoint) {
  const DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "validation");
  std::vector<std::int64_t> seen;
  for (int rank = 0; rank < 5; ++rank) {
    for (const ClipBatch& batch : batches(dataset, config, {.batch = 2, .rank = rank, .world = 5}, 100)) {
      seen.insert(seen.end(), batch.samples.begin(), batch.samples.end());
    }
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(Loader, BadVideosAreLeftOutAndNamed) {
  const Spoilt set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 0.5;
  const Dataset dataset = open_dataset(config, "train");
  for (const int workers : {0, 3}) {
    config.workers = workers;
    Loader loader(dataset, config, {.training = true, .batch = 6});
    std::int64_t clips = 0;
    std::vector<BadVideo> bad;
    ClipBatch batch;
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(loader.next(batch));
      clips += batch.clips;
      EXPECT_EQ(std::ssize(batch.labels), batch.clips);
      EXPECT_EQ(batch.video.size(), static_cast<std::size_t>(4 * batch.clips * 16 * 16 * 3));
      const std::vector<BadVideo> found = loader.take_bad();
      EXPECT_EQ(6 - batch.clips, std::ssize(found));
      bad.insert(bad.end(), found.begin(), found.end());
    }
    EXPECT_EQ(clips, 22);
    ASSERT_EQ(bad.size(), 2u);
    std::set<std::string> names;
    for (const BadVideo& video : bad) names.insert(video.path.filename());
    EXPECT_THAT(names, ElementsAre("3.webm", "5.webm"));
    EXPECT_THAT(bad[0].message, HasSubstr("webm"));
    EXPECT_THAT(loader.take_bad(), IsEmpty());
  }
}

// Compaction moves the clips after a bad one in every frame.
TEST(Loader, ClipsKeepTheirPixelsWhenANeighbourIsBad) {
  const Spoilt set;
  const DataConfig good = small_config(small_set("ssv2"));
  const DataConfig spoilt = small_config(set.path());
  const auto whole = batches(open_dataset(good, "train"), good, {.batch = 8, .clips = 2}, 10);
  const auto part = batches(open_dataset(spoilt, "train"), spoilt, {.batch = 8, .clips = 2}, 10);
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::uint8_t>> pixels;
  for (const ClipBatch& batch : whole) {
    for (std::int64_t i = 0; i < batch.clips; ++i) {
      pixels[{batch.samples[static_cast<std::size_t>(i)], batch.views[static_cast<std::size_t>(i)]}] =
          clip_of(batch, i);
    }
  }
  std::size_t compared = 0;
  for (const ClipBatch& batch : part) {
    for (std::int64_t i = 0; i < batch.clips; ++i, ++compared) {
      const auto key = std::pair{batch.samples[static_cast<std::size_t>(i)], batch.views[static_cast<std::size_t>(i)]};
      EXPECT_EQ(clip_of(batch, i), pixels.at(key));
    }
  }
  EXPECT_EQ(compared, 44u);
}

TEST(Loader, TooManyBadVideosStopTheRun) {
  const Spoilt set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 0.05;
  const Dataset dataset = open_dataset(config, "train");
  const std::string message = error_of([&] { batches(dataset, config, {.training = true, .batch = 12}, 4); });
  EXPECT_THAT(message, testing::ContainsRegex("2 of the last (12|24) videos cannot be read"));
  EXPECT_THAT(message, HasSubstr("data.max_bad_share = 0.05"));
}

// The small set on storage that may fail.
class OnStorage {
 public:
  OnStorage() { fs::copy(small_set("ssv2"), path(), fs::copy_options::recursive); }
  fs::path path() const { return folder_ / "set"; }
  void fail() const { fs::rename(videos(), folder_ / "away"); }
  void recover() const { fs::rename(folder_ / "away", videos()); }

 private:
  fs::path videos() const { return path() / "20bn-something-something-v2"; }
  TempFolder folder_;
};

TEST(Loader, AnOutageStopsALongRunAsSoonAsAYoungOne) {
  const OnStorage set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 0.3;
  const Dataset dataset = open_dataset(config, "train");
  for (const int before : {0, 40}) {
    Loader loader(dataset, config, {.training = true, .batch = 6});
    ClipBatch batch;
    for (int i = 0; i < before; ++i) loader.next(batch);
    set.fail();
    EXPECT_NO_THROW(loader.next(batch));  // 6 of the 24
    EXPECT_EQ(batch.clips, 0);
    EXPECT_THAT(error_of([&] { loader.next(batch); }), HasSubstr(before ? "12 of the last 24" : "12 of the last 12"));
    set.recover();
  }
}

TEST(Loader, EveryVideoBadStopsWhateverTheShare) {
  const OnStorage set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 1;
  const Dataset dataset = open_dataset(config, "train");
  set.fail();
  EXPECT_THAT(error_of([&] { batches(dataset, config, {.training = true, .batch = 6}, 10); }),
              HasSubstr("24 of the last 24 videos cannot be read, all that there were"));
}

TEST(Loader, ALoaderThatGoesOnStopsWhereTheFirstWouldHave) {
  const Spoilt set;
  DataConfig config = small_config(set.path());
  config.max_bad_share = 0.05;  // 1.2 of 24
  const Dataset dataset = open_dataset(config, "train");
  // Where batches are single videos: the first bad one, then the second.
  std::vector<std::int64_t> found;
  Loader first(dataset, config, {.training = true, .batch = 1});
  const std::string stopped = error_of([&] {
    for (ClipBatch batch;;) {
      first.next(batch);
      if (batch.clips == 0) found.push_back(batch.position);
    }
  });
  ASSERT_EQ(found.size(), 1u);
  Loader second(dataset, config, {.training = true, .batch = 1, .start_batch = found[0] + 1, .recent_bad = {found[0]}});
  EXPECT_EQ(error_of([&] {
              for (ClipBatch batch;;) second.next(batch);
            }),
            stopped);
}

TEST(Loader, FlipsExchangeLeftAndRight) {
  const DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "train");
  const std::vector<std::int64_t> mirror = mirrored_labels(dataset.labels);
  AugmentConfig plain;
  plain.scale_min = plain.scale_max = 0.875;
  plain.flip = "none";
  AugmentConfig flipping = plain;
  flipping.flip = "auto";
  const auto a = batches(dataset, config, {.training = true, .batch = 24, .augment = plain}, 1);
  const auto b = batches(dataset, config, {.training = true, .batch = 24, .augment = flipping}, 1);
  int flipped = 0, exchanged = 0;
  for (std::int64_t i = 0; i < 24; ++i) {
    const auto k = static_cast<std::size_t>(i);
    EXPECT_EQ(a[0].samples[k], b[0].samples[k]);
    const std::int64_t label = dataset.samples[static_cast<std::size_t>(a[0].samples[k])].label;
    EXPECT_EQ(a[0].labels[k], label);
    if (clip_of(a[0], i) == clip_of(b[0], i)) {
      EXPECT_EQ(b[0].labels[k], label);
      continue;
    }
    ++flipped;
    exchanged += label != mirror[static_cast<std::size_t>(label)];
    EXPECT_EQ(b[0].labels[k], mirror[static_cast<std::size_t>(label)]);
    // The crop is the same, so the mirrored picture has the same pixels from right to left, up to rounding.
    const auto straight = clip_of(a[0], i), turned = clip_of(b[0], i);
    for (std::size_t y = 0; y < 16; ++y) {
      for (std::size_t x = 0; x < 16; ++x) {
        EXPECT_NEAR(straight[(y * 16 + x) * 3], turned[(y * 16 + 15 - x) * 3], 1);
      }
    }
  }
  EXPECT_GT(flipped, 4);
  EXPECT_LT(flipped, 20);
  EXPECT_GT(exchanged, 0);
}

TEST(Loader, ShuffledFramesAreAPermutationKeyedBySample) {
  const DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "validation");
  const auto straight = batches(dataset, config, {.batch = 12}, 1);
  const auto shuffled = batches(dataset, config, {.batch = 12, .shuffle_frames = true}, 1);
  const auto other_batch = batches(dataset, config, {.batch = 5, .shuffle_frames = true}, 3);
  const std::size_t picture = 16 * 16 * 3;
  int moved = 0;
  for (std::int64_t i = 0; i < 12; ++i) {
    const auto frames_of = [&](const std::vector<std::uint8_t>& clip) {
      std::multiset<std::vector<std::uint8_t>> frames;
      for (std::size_t t = 0; t < 4; ++t) frames.emplace(clip.begin() + t * picture, clip.begin() + (t + 1) * picture);
      return frames;
    };
    const auto a = clip_of(straight[0], i), b = clip_of(shuffled[0], i);
    EXPECT_EQ(frames_of(a), frames_of(b));
    moved += a != b;
    EXPECT_EQ(b, clip_of(other_batch[static_cast<std::size_t>(i / 5)], i % 5));
  }
  EXPECT_GT(moved, 6);
}

TEST(Loader, PartsOfAVideoAreRespected) {
  const DataConfig config = small_config(small_set("ssv2"));
  Dataset dataset = open_dataset(config, "validation");
  const Sample whole = dataset.samples[0];
  DataConfig dense = config;
  dense.stride = 1;
  dense.frames = 2;
  Sample part = whole;
  part.start_s = 2 / 12.0 - 0.001;  // frames 2 and 3
  part.end_s = 4 / 12.0 - 0.001;
  Sample beyond = whole;
  beyond.start_s = 100;
  dataset.samples = {whole, part, beyond};
  Loader loader(dataset, dense, {.batch = 8});
  ClipBatch batch;
  ASSERT_TRUE(loader.next(batch));
  EXPECT_EQ(batch.clips, 2);
  const std::vector<BadVideo> bad = loader.take_bad();
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_THAT(bad[0].message, HasSubstr("has no frame between 100 s"));
  EXPECT_FALSE(loader.next(batch));
  dense.frames = 9;  // the whole video, its last frame repeated: frames 2 and 3 are the part's
  Loader all(dataset, dense, {.batch = 1});
  ClipBatch frames;
  ASSERT_TRUE(all.next(frames));
  dense.frames = 2;
  Loader again(dataset, dense, {.batch = 8});
  ASSERT_TRUE(again.next(batch));
  const std::size_t picture = 16 * 16 * 3;
  const auto pixels = clip_of(batch, 1), wanted = clip_of(frames, 0);
  EXPECT_TRUE(std::equal(pixels.begin(), pixels.end(), wanted.begin() + 2 * picture));
}

TEST(Loader, RefusesImpossibleOptions) {
  const DataConfig config = small_config(small_set("ssv2"));
  const Dataset dataset = open_dataset(config, "train");
  const auto refused = [&](const LoaderOptions& options) {
    return error_of([&] { Loader(dataset, config, options); });
  };
  EXPECT_THAT(refused({.training = true, .batch = 25}), HasSubstr("24 videos, fewer than one global batch of 25"));
  EXPECT_THAT(refused({.batch = 0}), HasSubstr("batch is 0"));
  EXPECT_THAT(refused({.rank = 2, .world = 2}), HasSubstr("rank is 2"));
  EXPECT_THAT(refused({.training = true, .crops = 3}), HasSubstr("in training"));
}

TEST(Loader, CanBeDroppedWhileWorkersAreBusy) {
  DataConfig config = small_config(small_set("ssv2"));
  config.workers = 4;
  const Dataset dataset = open_dataset(config, "train");
  for (int i = 0; i < 20; ++i) {
    Loader loader(dataset, config, {.training = true, .batch = 3});
    ClipBatch batch;
    for (int k = 0; k < i % 3; ++k) loader.next(batch);
  }
}

}  // namespace
}  // namespace trecvit::data_test
