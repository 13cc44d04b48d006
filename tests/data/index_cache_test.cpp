// Indices kept on disk: the same frames as without, and nothing that is wrong with a cache may show.
#include "data/video/index_cache.h"

#include <gmock/gmock.h>

#include <thread>

#include "core/rng.h"
#include "data/video/decoder.h"
#include "data/video/frame_folder.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

namespace fs = std::filesystem;
using namespace video_test;
using testing::HasSubstr;

class IndexCache : public testing::Test {
 protected:
  void SetUp() override {
    clip_ = (folder_ / "clip.mp4").string();
    if (!write_clip(clip_, spec_)) GTEST_SKIP() << "this FFmpeg has no encoder " << spec_.encoder;
  }
  std::string cache() const { return (folder_ / "cache").string(); }
  fs::path stored() const { return fs::directory_iterator(cache())->path(); }
  DecoderOptions cached() const { return {.memory_bytes = 0, .index_cache = cache()}; }
  // All frames, in an order that needs seeks.
  void expect_frames(const DecoderOptions& options) {
    Decoder decoder(clip_, options);
    ASSERT_EQ(decoder.times(), Decoder(clip_).times());
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < spec_.frames; ++i) numbers.push_back(i * 37 % spec_.frames);
    for (const std::int64_t number : numbers) {
      const std::int64_t one[] = {number};
      decoder.decode(one, [&](std::size_t, const Frame& frame) { EXPECT_EQ(shown_number(frame), number); });
    }
    decoder.rewind();
    EXPECT_EQ(decoder.next()->number, 0);
  }

  Folder folder_;
  ClipSpec spec_{.b_frames = 3, .options = {{"b_strategy", "0"}}};
  std::string clip_;
};

TEST_F(IndexCache, GivesTheFramesOfAScan) {
  expect_frames(cached());
  ASSERT_TRUE(fs::exists(cache()));
  ASSERT_TRUE(load_index(cache(), clip_).has_value());
  expect_frames(cached());
  const std::optional<Index> index = load_index(cache(), clip_);
  EXPECT_TRUE(index->by_time);
  EXPECT_FALSE(index->kept);
  EXPECT_EQ(index->times.size(), 60u);
}

TEST_F(IndexCache, HoldsFilesThatMustBeDecodedToBeCounted) {
  spec_ = {.file = "clip.avi", .encoder = "mpeg4", .b_frames = 2};  // packed pictures
  clip_ = (folder_ / "clip.avi").string();
  if (!write_clip(clip_, spec_)) GTEST_SKIP();
  for (int i = 0; i < 2; ++i) expect_frames(cached());
  EXPECT_TRUE(load_index(cache(), clip_).has_value());
}

TEST_F(IndexCache, IsForLargeFilesAlone) {
  Decoder(clip_, {.index_cache = cache()}).times();
  EXPECT_FALSE(fs::exists(cache()));
}

TEST_F(IndexCache, FollowsTheFile) {
  expect_frames(cached());
  const fs::file_time_type before = fs::last_write_time(clip_);
  fs::last_write_time(clip_, before + std::chrono::milliseconds(3));
  EXPECT_FALSE(load_index(cache(), clip_).has_value()) << "another time of change";
  fs::last_write_time(clip_, before);
  EXPECT_TRUE(load_index(cache(), clip_).has_value());
  spec_.frames = 40;
  write_clip(clip_, spec_);
  fs::last_write_time(clip_, before);
  EXPECT_FALSE(load_index(cache(), clip_).has_value()) << "another size";
  expect_frames(cached());
}

TEST_F(IndexCache, DamageIsNoticed) {
  expect_frames(cached());
  const std::string whole = read_bytes(stored());
  Rng rng(1);
  for (int i = 0; i < 300; ++i) {
    std::string broken = whole;
    if (i % 3 == 0) {
      broken.resize(static_cast<std::size_t>(rng.below(std::ssize(whole))));
    } else if (i % 3 == 1) {
      broken[static_cast<std::size_t>(rng.below(std::ssize(whole)))] ^= static_cast<char>(1 << rng.below(8));
    } else {
      broken.append(1 + static_cast<std::size_t>(rng.below(40)), 'x');
    }
    write_bytes(stored(), broken);
    ASSERT_FALSE(load_index(cache(), clip_).has_value()) << i;
  }
  expect_frames(cached());
  EXPECT_EQ(read_bytes(stored()), whole) << "written anew";
}

TEST_F(IndexCache, ManyMayWriteAtOnce) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) {
        EXPECT_EQ(Decoder(clip_, cached()).times().size(), 60u);
      }
    });
  }
  threads.clear();
  EXPECT_TRUE(load_index(cache(), clip_).has_value());
  EXPECT_EQ(std::distance(fs::directory_iterator(cache()), {}), 1);
}

TEST_F(IndexCache, APlaceThatCannotBeWrittenDoesNoHarm) {
  write_bytes(folder_ / "cache", "a file, not a folder");
  expect_frames(cached());
}

TEST(FrameFolder, TakesPicturesByTheirNumbers) {
  Folder folder;
  if (!write_clip(folder / "a.avi", {.file = "a.avi", .encoder = "mjpeg", .pix_fmt = "yuvj420p", .frames = 12}))
    GTEST_SKIP();
  fs::create_directory(folder / "frames");
  // Every packet of MJPEG is a JPEG file.
  const std::string bytes = read_bytes(folder / "a.avi");
  int number = 0;
  for (std::size_t at = bytes.find("\xFF\xD8\xFF"); at != std::string::npos; ++number) {
    const std::size_t end = bytes.find("\xFF\xD9", at) + 2;
    write_bytes(folder / ("frames/img_" + std::to_string(number) + ".jpg"), bytes.substr(at, end - at));
    at = bytes.find("\xFF\xD8\xFF", end);
  }
  ASSERT_EQ(number, 12);
  write_bytes(folder / "frames/list.txt", "no picture");
  FrameFolder frames(folder / "frames");
  EXPECT_EQ(frames.frames(), 12);
  std::vector<std::int64_t> order;
  const std::int64_t wanted[] = {11, 2, 10, 2, 0};
  frames.decode(wanted, [&](std::size_t k, const Frame& frame) {
    EXPECT_EQ(shown_number(frame), wanted[k]);
    EXPECT_EQ(frame.width, kWidth);
    order.push_back(frame.number);
  });
  EXPECT_THAT(order, testing::ElementsAre(0, 2, 2, 10, 11));
  EXPECT_EQ(frames.decoded(), 4) << "a number asked for twice is decoded once";
  const std::int64_t beyond[] = {12};
  const auto ignore = [](std::size_t, const Frame&) {};
  EXPECT_THAT(error_of([&] { frames.decode(beyond, ignore); }), HasSubstr("has no frame 12"));
  write_bytes(folder / "frames/img_3.jpg", "\xFF\xD8 cut off");
  const std::int64_t damaged[] = {3};
  EXPECT_THAT(error_of([&] { frames.decode(damaged, ignore); }), HasSubstr("img_3.jpg is damaged"));
  write_bytes(folder / "frames/img_3.jpg", "words");
  EXPECT_THAT(error_of([&] { frames.decode(damaged, ignore); }), HasSubstr("not a JPEG, PNG, BMP or WebP"));
  EXPECT_THAT(error_of([&] { FrameFolder(folder / "nowhere"); }), HasSubstr("does not exist"));
  fs::create_directory(folder / "none");
  EXPECT_THAT(error_of([&] { FrameFolder(folder / "none"); }), HasSubstr("holds no pictures"));
}

}  // namespace
}  // namespace trecvit::video
