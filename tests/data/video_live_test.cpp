// Sources that are no files: read when asked for, waited for no longer than allowed, refused where they cannot serve.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "data/video/decoder.h"
#include "data/video/frame_folder.h"
#include "data/video/live_input.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

using namespace video_test;
using testing::HasSubstr;

class Pipe {
 public:
  explicit Pipe(const std::filesystem::path& path) : path_(path) {
    ensure(::mkfifo(path.c_str(), 0600) == 0, "no named pipe");
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

double seconds_of(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(VideoLive, APipeInADataSetIsRefusedAtOnce) {
  Folder folder;
  const Pipe pipe(folder / "x.mp4");
  EXPECT_THAT(error_of([&] { Decoder decoder(pipe.path()); }), HasSubstr("x.mp4 is a named pipe; a regular file"));
  EXPECT_THAT(error_of([&] { inspect(pipe.path()); }), HasSubstr("is a named pipe"));
  EXPECT_THAT(error_of([&] { Decoder decoder("/dev/null"); }), HasSubstr("is a device"));
  EXPECT_THAT(error_of([&] { Decoder decoder("-"); }), HasSubstr("does not exist"))
      << "standard input, for live sources";
}

TEST(VideoLive, APipeAmongExtractedFramesIsRefusedAtOnce) {
  Folder folder;
  const Pipe pipe(folder / "img_00001.jpg");
  FrameFolder frames(std::filesystem::path(pipe.path()).parent_path());
  const std::int64_t numbers[] = {0};
  EXPECT_THAT(error_of([&] { frames.decode(numbers, [](std::size_t, const Frame&) {}); }),
              HasSubstr("img_00001.jpg is no regular file"));
}

TEST(VideoLive, APipeIsReadAsItsBytesArrive) {
  Folder folder;
  if (!write_clip(folder / "a.ts", {.file = "a.ts", .frames = 30, .b_frames = 2})) GTEST_SKIP();
  const Pipe pipe(folder / "live");
  const std::string bytes = read_bytes(folder / "a.ts");
  std::jthread writer([&] {
    std::ofstream out(pipe.path(), std::ios::binary);
    for (std::size_t at = 0; at < bytes.size(); at += 5000) {
      out.write(bytes.data() + at, static_cast<std::streamsize>(std::min<std::size_t>(5000, bytes.size() - at)));
      out.flush();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  Decoder decoder(pipe.path(), {.live = true});
  int count = 0;
  while (const Frame* frame = decoder.next()) EXPECT_EQ(shown_number(*frame), count++);
  EXPECT_EQ(count, 30);
  EXPECT_THAT(error_of([&] { decoder.rewind(); }), HasSubstr("cannot be read a second time"));
}

TEST(VideoLive, AnIdlePipeEndsAtItsDeadline) {
  Folder folder;
  const Pipe pipe(folder / "live");
  std::string error;
  EXPECT_LT(
      seconds_of([&] { error = error_of([&] { Decoder decoder(pipe.path(), {.deadline_s = 0.1, .live = true}); }); }),
      5);
  EXPECT_THAT(error, HasSubstr("deadline"));
}

TEST(VideoLive, WaitingEndsWhenAsked) {
  Folder folder;
  const Pipe pipe(folder / "live");
  std::atomic<bool> stop = false;
  std::string encoded, raw;
  std::jthread asks([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop = true;
  });
  const auto asked = [&] { return stop.load(); };
  EXPECT_LT(seconds_of([&] {
              encoded = error_of([&] { Decoder decoder(pipe.path(), {.live = true, .stop = asked}); });
              raw = error_of([&] {
                LiveInput input(pipe.path());
                std::uint8_t byte[1];
                input.read(byte, Deadline(asked));
              });
            }),
            5);
  EXPECT_THAT(encoded, HasSubstr("was interrupted"));
  EXPECT_THAT(raw, HasSubstr("was interrupted"));
}

TEST(VideoLive, DecodingAFileEndsWhenAsked) {
  Folder folder;
  if (!write_clip(folder / "a.mp4", {})) GTEST_SKIP();
  bool stop = false;
  Decoder decoder((folder / "a.mp4").string(), {.stop = [&] { return stop; }});
  ASSERT_NE(decoder.next(), nullptr);
  stop = true;
  EXPECT_THAT(error_of([&] {
                while (decoder.next())
                  ;
              }),
              HasSubstr("was interrupted"));
}

}  // namespace
}  // namespace trecvit::video
