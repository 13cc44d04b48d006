// What is written can be read, and nothing half-written stays behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "core/rng.h"
#include "data/video/convert.h"
#include "data/video/decoder.h"
#include "data/video/encoder.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

using namespace video_test;
using testing::HasSubstr;
using Pixels = std::vector<std::uint8_t>;

// A ramp that drifts, with a hard bar.
Pixels picture(int width, int height, int number) {
  Pixels rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool bar = x / 4 == number % (width / 4);
      rgb.push_back(static_cast<std::uint8_t>(bar ? 230 : 2 * x + number));
      rgb.push_back(static_cast<std::uint8_t>(bar ? 230 : 3 * y));
      rgb.push_back(static_cast<std::uint8_t>(bar ? 230 : 90));
    }
  }
  return rgb;
}

std::vector<Pixels> read_all(const std::filesystem::path& path) {
  std::vector<Pixels> frames;
  Decoder decoder(path.string());
  while (const Frame* frame = decoder.next()) {
    frames.emplace_back(static_cast<std::size_t>(frame->width * frame->height * 3));
    convert(*frame, whole(*frame), frame->width, frame->height, frames.back().data());
  }
  return frames;
}

void write(const std::filesystem::path& path, const EncoderOptions& options, int frames) {
  Encoder encoder(path, options);
  for (int i = 0; i < frames; ++i) encoder.add(picture(options.width, options.height, i));
  encoder.finish();
}

double mean_difference(const Pixels& a, const Pixels& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

TEST(VideoEncoder, EveryCodecComesBack) {
  Folder folder;
  for (const auto& [codec, file, quality] : {std::tuple{"vp9", "a.webm", 10},
                                             {"vp8", "a.webm", 4},
                                             {"h264", "a.mp4", 12},
                                             {"h264", "a.mkv", 12},
                                             {"mpeg4", "a.avi", 2},
                                             {"mjpeg", "a.avi", 2}}) {
    SCOPED_TRACE(codec);
    write(folder / file, {.codec = codec, .width = 64, .height = 48, .fps = 12, .quality = quality}, 20);
    const VideoInfo info = inspect(folder / file);
    EXPECT_EQ(info.codec, codec);
    EXPECT_EQ(info.frames, 20);
    EXPECT_DOUBLE_EQ(info.fps, 12);
    const std::vector<Pixels> frames = read_all(folder / file);
    ASSERT_EQ(frames.size(), 20u);
    for (int i = 0; i < 20; ++i) {
      const auto k = static_cast<std::size_t>(i);
      EXPECT_LT(mean_difference(frames[k], picture(64, 48, i)), 8) << i;
      EXPECT_GT(mean_difference(frames[k], picture(64, 48, (i + 5) % 20)), 10) << "frames differ enough to tell";
    }
  }
}

TEST(VideoEncoder, Ffv1IsLossless) {
  Folder folder;
  write(folder / "a.mkv", {.codec = "ffv1", .width = 36, .height = 22, .quality = 0}, 5);
  const std::vector<Pixels> frames = read_all(folder / "a.mkv");
  ASSERT_EQ(frames.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(frames[static_cast<std::size_t>(i)], picture(36, 22, i));
}

TEST(VideoEncoder, TheSameFramesGiveTheSameBytes) {
  Folder folder;
  for (const auto& [codec, suffix] : {std::pair{"vp9", ".webm"}, {"h264", ".mp4"}}) {
    write(folder / (std::string("a") + suffix), {.codec = codec, .width = 64, .height = 48}, 12);
    write(folder / (std::string("b") + suffix), {.codec = codec, .width = 64, .height = 48}, 12);
    EXPECT_TRUE(read_bytes(folder / (std::string("a") + suffix)) == read_bytes(folder / (std::string("b") + suffix)))
        << codec;
  }
}

TEST(VideoEncoder, AnUnfinishedVideoLeavesNothing) {
  Folder folder;
  {
    Encoder encoder(folder / "a.webm", {.width = 64, .height = 48});
    encoder.add(picture(64, 48, 0));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / ""));
  write(folder / "a.webm", {.width = 64, .height = 48}, 3);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / ""), {}), 1);
}

TEST(VideoEncoder, ImpossibleRequests) {
  Folder folder;
  const auto error = [&](const std::string& file, const EncoderOptions& options) {
    return error_of([&] { Encoder encoder(folder / file, options); });
  };
  EXPECT_THAT(error("a.webm", {.codec = "av2", .width = 64, .height = 48}), HasSubstr("it must be vp9, vp8"));
  EXPECT_THAT(error("a.webm", {.width = 0, .height = 48}), HasSubstr("positive size"));
  EXPECT_THAT(error("a.webm", {.width = 63, .height = 48}), HasSubstr("even"));
  EXPECT_THAT(error("a.webm", {.width = 64, .height = 48, .quality = 64}), HasSubstr("between 0 and 63"));
  EXPECT_THAT(error("a.xyz", {.width = 64, .height = 48}), HasSubstr("use .webm"));
  EXPECT_THAT(error("no/such/folder/a.webm", {.width = 64, .height = 48}), HasSubstr("no/such/folder"));
  Encoder none(folder / "a.webm", {.width = 64, .height = 48});
  EXPECT_THAT(error_of([&] { none.finish(); }), HasSubstr("without a single frame"));
}

TEST(VideoEncoder, Pictures) {
  Folder folder;
  const Pixels rgb = picture(40, 30, 3);
  write_picture(folder / "a.png", rgb, 40, 30);
  write_picture(folder / "a.jpg", rgb, 40, 30);
  ASSERT_EQ(read_all(folder / "a.png").size(), 1u);
  EXPECT_EQ(read_all(folder / "a.png")[0], rgb) << "PNG is lossless";
  EXPECT_LT(mean_difference(read_all(folder / "a.jpg")[0], rgb), 4);
  EXPECT_THAT(error_of([&] { write_picture(folder / "a.gif", rgb, 40, 30); }), HasSubstr("must be .png or .jpg"));
}

}  // namespace
}  // namespace trecvit::video
