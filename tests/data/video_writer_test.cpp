// Written videos can be read, and no half-written file stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "core/error.h"
#include "core/rng.h"
#include "data/video/codecs.h"
#include "data/video/rgb.h"
#include "data/video/decoder.h"
#include "data/video/picture_file.h"
#include "data/video/writer.h"
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

void write(const std::filesystem::path& path, const WriterOptions& options, int frames) {
  VideoWriter writer(path, options);
  for (int i = 0; i < frames; ++i) writer.add(picture(options.width, options.height, i));
  writer.finish();
}

double mean_difference(const Pixels& a, const Pixels& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

TEST(VideoWriting, EveryCodecComesBack) {
  Folder folder;
  for (const auto& [codec, file, quality] : {std::tuple{"vp9", "a.webm", 10},
                                             {"vp8", "a.webm", 4},
                                             {"h264", "a.mp4", 12},
                                             {"h264", "a.mkv", 12},
                                             {"mpeg4", "a.avi", 2},
                                             {"mpeg4", "a.mp4", 2},
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

TEST(VideoWriting, Ffv1IsLossless) {
  Folder folder;
  write(folder / "a.mkv", {.codec = "ffv1", .width = 36, .height = 22, .quality = 0}, 5);
  const std::vector<Pixels> frames = read_all(folder / "a.mkv");
  ASSERT_EQ(frames.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(frames[static_cast<std::size_t>(i)], picture(36, 22, i));
}

TEST(VideoWriting, TheSameFramesGiveTheSameBytes) {
  Folder folder;
  for (const auto& [codec, suffix] : {std::pair{"vp9", ".webm"}, {"h264", ".mp4"}}) {
    write(folder / (std::string("a") + suffix), {.codec = codec, .width = 64, .height = 48}, 12);
    write(folder / (std::string("b") + suffix), {.codec = codec, .width = 64, .height = 48}, 12);
    EXPECT_TRUE(read_bytes(folder / (std::string("a") + suffix)) == read_bytes(folder / (std::string("b") + suffix)))
        << codec;
  }
}

TEST(VideoWriting, AnUnfinishedVideoLeavesNothing) {
  Folder folder;
  {
    VideoWriter writer(folder / "a.webm", {.width = 64, .height = 48});
    writer.add(picture(64, 48, 0));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / ""));
  write(folder / "a.webm", {.width = 64, .height = 48}, 3);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / ""), {}), 1);
}

TEST(VideoWriting, ImpossibleRequests) {
  Folder folder;
  const auto error = [&](const std::string& file, const WriterOptions& options) {
    return error_of([&] { VideoWriter writer(folder / file, options); });
  };
  EXPECT_THAT(error("a.webm", {.codec = "av2", .width = 64, .height = 48}), HasSubstr("it must be vp9, vp8"));
  EXPECT_THAT(error("a.webm", {.width = 0, .height = 48}), HasSubstr("positive size"));
  EXPECT_THAT(error("a.mp4", {.codec = "h264", .width = 63, .height = 48}), HasSubstr("even"));
  EXPECT_THAT(error("a.webm", {.codec = "vp9", .width = 64, .height = 48, .quality = 64}),
              HasSubstr("between 0 and 63"));
  EXPECT_THAT(error("a.webm", {.codec = "mpeg4", .width = 64, .height = 48}),
              HasSubstr("a .webm file cannot hold mpeg4; it can hold: vp9, vp8"));
  EXPECT_THAT(error("a.avi", {.codec = "h264", .width = 64, .height = 48}), HasSubstr("a .avi file cannot hold h264"));
  EXPECT_THAT(error("a.png", {.width = 64, .height = 48}), HasSubstr("use .webm"));
  EXPECT_THAT(error("a.xyz", {.width = 64, .height = 48}), HasSubstr("use .webm"));
  EXPECT_THAT(error("no/such/folder/a.webm", {.width = 64, .height = 48}), HasSubstr("no/such/folder"));
  VideoWriter none(folder / "a.webm", {.width = 64, .height = 48});
  EXPECT_THAT(error_of([&] { none.finish(); }), HasSubstr("without a single frame"));
}

TEST(VideoWriting, AutoTakesTheFirstCodecThatFfmpegAndTheContainerHave) {
  const auto choice = [](const std::string& file, std::vector<std::string> encoders,
                         const std::string& codec = "auto") {
    const AVOutputFormat& container = container_of(file);
    const auto has = [&](const char* name) {
      return std::find(encoders.begin(), encoders.end(), name) != encoders.end();
    };
    return std::string(choose_codec(codec, container, std::filesystem::path(file).extension().string(), has).codec);
  };
  EXPECT_EQ(choice("a.mp4", {"libx264", "libvpx-vp9", "mpeg4"}), "h264");
  EXPECT_EQ(choice("a.webm", {"libx264", "libvpx-vp9", "mpeg4"}), "vp9");
  EXPECT_EQ(choice("a.mp4", {"mpeg4", "mjpeg", "ffv1"}), "mpeg4");
  EXPECT_EQ(choice("a.mkv", {"ffv1"}), "ffv1");
  EXPECT_EQ(choice("a.avi", {"libx264", "mjpeg"}), "mjpeg");
  EXPECT_THAT(error_of([&] {
                choice("a.webm", {"mpeg4", "mjpeg", "ffv1"});
              }),
              HasSubstr("no encoder for a .webm file; it can encode: mpeg4, mjpeg, ffv1"));
  EXPECT_THAT(error_of([&] {
                choice("a.mp4", {"mpeg4", "mjpeg"}, "h264");
              }),
              HasSubstr("no encoder libx264 for h264; it can encode: mpeg4, mjpeg"));
  EXPECT_THAT(error_of([&] { choice("a.mp4", {}); }), HasSubstr("it can encode: none"));
}

TEST(VideoWriting, FramesAndRatesAreExact) {
  Folder folder;
  for (const auto& [file, fps] : {std::pair{"a.mp4", 30000.0 / 1001},
                                  {"b.mp4", 12.5},
                                  {"c.avi", 25.0},
                                  {"d.mkv", 30.0},
                                  {"e.webm", 8.0},
                                  {"f.mp4", 240.0}}) {
    SCOPED_TRACE(file);
    write(folder / file, {.width = 64, .height = 48, .fps = fps}, 7);
    const VideoInfo info = inspect(folder / file);
    EXPECT_EQ(info.frames, 7);
    EXPECT_NEAR(info.fps, fps, 1e-6);
    Decoder decoder((folder / file).string());
    const std::vector<double> times = decoder.times();
    ASSERT_EQ(times.size(), 7u);
    for (std::size_t i = 0; i < times.size(); ++i) {
      EXPECT_NEAR(times[i], static_cast<double>(i) / fps, 0.6e-3) << "Matroska counts in milliseconds";
    }
  }
}

TEST(VideoWriting, OddSidesArePaddedWhereTheCodecNeedsEvenOnes) {
  Folder folder;
  const Pixels rgb = picture(64, 48, 3);
  Pixels odd;
  for (int y = 0; y < 47; ++y) odd.insert(odd.end(), &rgb[y * 64 * 3], &rgb[y * 64 * 3] + 63 * 3);
  for (const auto& [codec, file, width, height] :
       {std::tuple{"h264", "a.mp4", 64, 48}, {"vp9", "a.webm", 63, 47}, {"mpeg4", "a.avi", 63, 47}}) {
    SCOPED_TRACE(codec);
    VideoWriter writer(folder / file, {.codec = codec, .width = 63, .height = 47, .quality = 2, .pad = true});
    writer.add(odd);
    writer.finish();
    const std::vector<Pixels> back = read_all(folder / file);
    ASSERT_EQ(back.size(), 1u);
    ASSERT_EQ(back[0].size(), static_cast<std::size_t>(width * height * 3));
    double sum = 0;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < 3; ++c) {
          sum += std::abs(back[0][(y * width + x) * 3 + c] - odd[(std::min(y, 46) * 63 + std::min(x, 62)) * 3 + c]);
        }
      }
    }
    EXPECT_LT(sum / (width * height * 3), 8);
  }
}

// A full disk, played by a limit on the size of files.
TEST(VideoWriting, ADiskThatFillsUpLeavesTheOldFileAndNoHalfOne) {
  Folder folder;
  write(folder / "a.avi", {.codec = "ffv1", .width = 64, .height = 48}, 1);
  const std::string before = read_bytes(folder / "a.avi");
  struct rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const int frames : {6, 60}) {
    const struct rlimit small = {.rlim_cur = 12'000, .rlim_max = old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const std::string message =
        error_of([&] { write(folder / "a.avi", {.codec = "ffv1", .width = 64, .height = 48}, frames); });
    setrlimit(RLIMIT_FSIZE, &old);
    EXPECT_THAT(message, HasSubstr("a.avi cannot be written")) << frames;
  }
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / ""), {}), 1);
  EXPECT_TRUE(read_bytes(folder / "a.avi") == before);
}

TEST(VideoWriting, Pictures) {
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
