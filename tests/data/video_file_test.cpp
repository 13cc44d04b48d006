// Files as users have them: what ffprobe says about good ones, and one clear sentence about bad ones.
extern "C" {
#include <libavutil/imgutils.h>
}

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "data/video/decoder.h"
#include "data/video/writer.h"
#include "data/video/libav.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

using namespace video_test;
using testing::AllOf;
using testing::HasSubstr;

TEST(VideoFile, InspectAgreesWithFfprobe) {
  if (!have_program("ffprobe")) GTEST_SKIP() << "ffprobe is the judge";
  Folder folder;
  const ClipSpec specs[] = {
      {.b_frames = 3},
      {.file = "clip.webm", .encoder = "libvpx-vp9", .options = {{"deadline", "realtime"}}},
      {.file = "clip.mkv", .b_frames = 2, .pts = [](int i) { return std::int64_t{40} + 83 * i + i % 5; }},
      {.file = "clip.avi", .encoder = "mpeg4"},
      {.file = "clip.avi", .encoder = "mjpeg", .pix_fmt = "yuvj422p"},
      {.file = "clip.ts", .b_frames = 2},
      {.encoder = "libx265", .options = {{"x265-params", "log-level=none:pools=none"}}}};
  for (const ClipSpec& spec : specs) {
    const std::filesystem::path path = folder / spec.file;
    if (!write_clip(path, spec)) continue;
    SCOPED_TRACE(spec.encoder + " " + spec.file);
    const VideoInfo info = inspect(path);
    const std::string told = output_of(
        "ffprobe -v error -count_frames -select_streams v -show_entries "
        "stream=codec_name,pix_fmt,width,height,nb_read_frames,"
        "avg_frame_rate,duration:format=duration -of flat=s=_ " +
        path.string());
    const auto ask = [&](const std::string& field) {
      std::size_t at = told.find(field + "=");
      if (at == std::string::npos) return std::string();
      at += field.size() + 1;
      std::string answer = told.substr(at, told.find('\n', at) - at);
      std::erase(answer, '"');
      return answer;
    };
    EXPECT_EQ(info.codec, ask("streams_stream_0_codec_name"));
    EXPECT_EQ(info.pix_fmt, ask("streams_stream_0_pix_fmt"));
    EXPECT_EQ(std::to_string(info.width), ask("streams_stream_0_width"));
    EXPECT_EQ(std::to_string(info.height), ask("streams_stream_0_height"));
    EXPECT_EQ(std::to_string(info.frames), ask("streams_stream_0_nb_read_frames"));
    const std::string rate = ask("streams_stream_0_avg_frame_rate");
    EXPECT_NEAR(info.fps, std::atof(rate.c_str()) / std::atof(rate.c_str() + rate.find('/') + 1), 1e-9) << rate;
    std::string duration = ask("streams_stream_0_duration");
    if (duration == "N/A") duration = ask("format_duration");
    EXPECT_NEAR(info.duration_s, std::atof(duration.c_str()), 1e-6);
    // The quick way that training takes tells the same.
    Decoder decoder(path.string());
    const VideoInfo& quick = decoder.info();
    EXPECT_EQ(quick.codec, info.codec);
    EXPECT_EQ(quick.pix_fmt, info.pix_fmt);
    EXPECT_EQ(quick.width, info.width);
    EXPECT_EQ(quick.height, info.height);
    EXPECT_DOUBLE_EQ(quick.fps, info.fps);
    EXPECT_NEAR(quick.duration_s, info.duration_s, 1e-6);
    Decoder scanned(path.string());
    scanned.times();
    EXPECT_EQ(scanned.info().pix_fmt, info.pix_fmt);
    EXPECT_EQ(scanned.info().frames, info.frames);
    ASSERT_NE(scanned.next(), nullptr);
    EXPECT_EQ(scanned.next()->number, 1);
    const Frame* first = decoder.next();  // info() looked at it first
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->number, 0);
    EXPECT_EQ(shown_number(*first), 0);
  }
}

TEST(VideoFile, PlanesEqualFfmpegs) {
  if (!have_program("ffmpeg")) GTEST_SKIP() << "ffmpeg is the judge";
  Folder folder;
  for (const ClipSpec& spec : {ClipSpec{.b_frames = 3}, ClipSpec{.file = "clip.webm", .encoder = "libvpx-vp9"}}) {
    const std::filesystem::path path = folder / spec.file;
    if (!write_clip(path, spec)) continue;
    const std::string wanted = output_of("ffmpeg -v error -i " + path.string() + " -f rawvideo -");
    std::string got;
    Decoder decoder(path.string());
    while (const Frame* frame = decoder.next()) {
      for (int plane = 0; plane < 3; ++plane) {
        const int sub = plane > 0 ? 2 : 1;
        for (int y = 0; y < kHeight / sub; ++y) {
          const std::uint8_t* row = frame->picture->data[plane] + y * frame->picture->linesize[plane];
          got.append(reinterpret_cast<const char*>(row), static_cast<std::size_t>(kWidth / sub));
        }
      }
    }
    EXPECT_EQ(got.size(), wanted.size());
    EXPECT_TRUE(got == wanted) << spec.encoder;
  }
}

// The bytes of all planes as ffmpeg writes them with -f rawvideo.
std::string raw_video(const std::string& path) {
  std::string bytes;
  Decoder decoder(path);
  while (const Frame* frame = decoder.next()) {
    const AVFrame& picture = *frame->picture;
    const auto format = static_cast<AVPixelFormat>(picture.format);
    std::string all(static_cast<std::size_t>(av_image_get_buffer_size(format, picture.width, picture.height, 1)), 0);
    av_image_copy_to_buffer(reinterpret_cast<std::uint8_t*>(all.data()), static_cast<int>(all.size()), picture.data,
                            picture.linesize, format, picture.width, picture.height, 1);
    bytes += all;
  }
  return bytes;
}

// Every subsampling and depth that a codec has, odd sizes, alpha, tagged and untagged matrices and ranges.
TEST(VideoFile, PlanesEqualFfmpegsInEveryLayout) {
  if (!have_program("ffmpeg")) GTEST_SKIP() << "ffmpeg is the judge";
  Folder folder;
  struct Case {
    const char *file, *codec, *format, *more;
  };
  constexpr Case kCases[] = {
      {"a.mp4", "libx264", "yuv420p", "-bf 2 -colorspace bt709"},
      {"a.mp4", "libx264", "yuvj420p", "-bf 2"},
      {"a.mp4", "libx264", "yuv422p", "-color_range pc -colorspace bt709"},
      {"a.mp4", "libx264", "yuv444p", "-bf 2"},
      {"a.mp4", "libx264", "yuv420p10le", "-bf 2"},
      {"a.mp4", "libx264", "yuv422p10le", "-colorspace bt709"},
      {"a.mp4", "libx264", "yuv444p10le", "-color_range pc"},
      {"a.mp4", "libx265", "yuv420p10le", "-x265-params log-level=none:pools=none -colorspace bt709"},
      {"a.mp4", "libx265", "yuv444p", "-x265-params log-level=none:pools=none"},
      {"a.webm", "libvpx-vp9", "yuv422p", "-deadline realtime -cpu-used 8"},
      {"a.webm", "libvpx-vp9", "yuv444p", "-deadline realtime -cpu-used 8 -colorspace bt709"},
      {"a.webm", "libvpx-vp9", "yuv420p10le", "-deadline realtime -cpu-used 8"},
      {"a.webm", "libvpx-vp9", "yuva420p", "-deadline realtime -cpu-used 8 -auto-alt-ref 0"},
      {"a.webm", "libvpx", "yuva420p", "-deadline realtime -cpu-used 8 -auto-alt-ref 0"},
      {"a.mkv", "ffv1", "yuva420p", ""},
      {"a.mkv", "ffv1", "yuv444p12le", ""},
      {"a.mkv", "ffv1", "gray", ""},
      {"a.mov", "qtrle", "argb", ""},
      {"a.mkv", "mjpeg", "yuvj422p", ""},
      {"a.mkv", "mjpeg", "yuvj444p", ""},
  };
  int compared = 0;
  for (const Case& one : kCases) {
    const std::string path = (folder / one.file).string();
    std::filesystem::remove(path);
    // Sizes that are no multiple of a block; odd where the layout has no chroma pairs.
    const char* size = std::string(one.format).find("444") == std::string::npos ? "70x46" : "71x45";
    output_of(std::string("ffmpeg -v quiet -y -f lavfi -i testsrc2=size=") + size + ":rate=12 -frames:v 9 -c:v " +
              one.codec + " -pix_fmt " + one.format + " " + one.more + " " + path);
    if (!std::filesystem::exists(path) || std::filesystem::file_size(path) == 0) continue;  // not in this FFmpeg
    SCOPED_TRACE(text(one.codec, " ", one.format));
    const std::string wanted = output_of("ffmpeg -v error -i " + path + " -f rawvideo -");
    const std::string got = raw_video(path);
    EXPECT_FALSE(wanted.empty());
    EXPECT_EQ(got.size(), wanted.size());
    EXPECT_TRUE(got == wanted);
    ++compared;
  }
  EXPECT_GT(compared, 10);
}

TEST(VideoFile, BadFilesAreNamedInOneSentence) {
  Folder folder;
  const auto error = [](const std::filesystem::path& path) {
    return error_of([&] {
      Decoder decoder(path.string());
      decoder.times();
    });
  };
  EXPECT_THAT(error(folder / "none.mp4"), AllOf(HasSubstr("none.mp4"), HasSubstr("does not exist")));
  std::filesystem::create_directory(folder / "folder.mp4");
  EXPECT_THAT(error(folder / "folder.mp4"), HasSubstr("is a folder"));
  write_bytes(folder / "empty.webm", "");
  EXPECT_THAT(error(folder / "empty.webm"), HasSubstr("is empty"));
  write_bytes(folder / "text.webm", "This is not a video.\nIt is a text.\n");
  EXPECT_THAT(error(folder / "text.webm"), AllOf(HasSubstr("text.webm"), HasSubstr("not a video file")));
  write_bytes(folder / "list.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n");
  EXPECT_NE(error(folder / "list.mp4"), "");
  write_bytes(folder / "noise.mp4", std::string(5000, '\x5A'));
  EXPECT_THAT(error(folder / "noise.mp4"), HasSubstr("not a video file"));
  write_bytes(folder / "sound.wav", silence());
  EXPECT_THAT(error(folder / "sound.wav"), HasSubstr("no video stream"));
}

TEST(VideoFile, ACutFileGivesTheFramesBeforeTheCut) {
  Folder folder;
  const ClipSpec specs[] = {{.gop = 30, .b_frames = 2, .muxer = {{"movflags", "faststart"}}},
                            {.file = "clip.mkv", .b_frames = 3},
                            {.file = "clip.webm", .encoder = "libvpx-vp9", .options = {{"deadline", "realtime"}}},
                            {.file = "clip.avi", .encoder = "mjpeg", .pix_fmt = "yuvj420p"}};
  for (const ClipSpec& spec : specs) {
    if (!write_clip(folder / spec.file, spec)) continue;
    SCOPED_TRACE(spec.file);
    const std::string bytes = read_bytes(folder / spec.file);
    const std::filesystem::path cut = folder / ("cut_" + spec.file);
    for (std::size_t percent = 50; percent < 65; ++percent) {
      write_bytes(cut, bytes.substr(0, bytes.size() * percent / 100));
      const std::int64_t frames = inspect(cut).frames;
      EXPECT_GT(frames, 0);
      EXPECT_LT(frames, spec.frames - 5);
      Decoder decoder(cut.string());
      std::vector<std::int64_t> numbers;
      for (std::int64_t n = 0; n < frames; ++n) numbers.push_back(n);
      decoder.decode(numbers,
                     [&](std::size_t k, const Frame& frame) { EXPECT_EQ(shown_number(frame), numbers[k]) << percent; });
      const std::int64_t beyond[] = {spec.frames - 1};
      EXPECT_THAT(error_of([&] { decoder.decode(beyond, [](std::size_t, const Frame&) {}); }),
                  AllOf(HasSubstr(cut.string()), HasSubstr("has no frame 59")));
    }
  }
  // Without its index, which stands at the end, an MP4 file is nothing.
  if (!write_clip(folder / "tail.mp4", {})) GTEST_SKIP();
  write_bytes(folder / "tail.mp4", read_bytes(folder / "tail.mp4").substr(0, 2000));
  EXPECT_THAT(error_of([&] { Decoder((folder / "tail.mp4").string()); }), HasSubstr("tail.mp4"));
}

TEST(VideoFile, DamageBeforeAFrameIsAnErrorNotAWrongPicture) {
  Folder folder;
  if (!write_clip(folder / "a.mp4", {.gop = 20, .options = {{"sc_threshold", "0"}, {"qp", "10"}}})) GTEST_SKIP();
  // Overwrite most of the packet of frame 25, which later frames of its group refer to.
  std::string bytes = read_bytes(folder / "a.mp4");
  {
    Handle<AVFormatContext> format;
    AVFormatContext* raw = nullptr;
    ASSERT_GE(avformat_open_input(&raw, (folder / "a.mp4").c_str(), nullptr, nullptr), 0);
    format.reset(raw);
    const Handle<AVPacket> packet = new_packet();
    for (int i = 0; i <= 25; ++i) {
      av_packet_unref(packet.get());
      ASSERT_GE(av_read_frame(raw, packet.get()), 0);
    }
    for (int i = 8; i < packet->size; ++i)
      bytes[static_cast<std::size_t>(packet->pos) + static_cast<std::size_t>(i)] = '\x7F';
  }
  write_bytes(folder / "b.mp4", bytes);
  Decoder decoder((folder / "b.mp4").string());
  const auto one = [&](std::int64_t n) {
    const std::int64_t numbers[] = {n};
    return error_of(
        [&] { decoder.decode(numbers, [&](std::size_t, const Frame& frame) { EXPECT_EQ(shown_number(frame), n); }); });
  };
  EXPECT_EQ(one(24), "") << "before the damage";
  EXPECT_THAT(one(30), HasSubstr("is damaged: frame 30"));
  EXPECT_THAT(one(30), HasSubstr("is damaged: frame 30")) << "asked again, refused again";
  EXPECT_EQ(one(45), "") << "the next group is sound";
  EXPECT_EQ(one(3), "");
}

TEST(VideoFile, NumbersOutsideTheFileAreRefused) {
  Folder folder;
  if (!write_clip(folder / "a.mp4", {.frames = 5})) GTEST_SKIP();
  Decoder decoder((folder / "a.mp4").string());
  for (const std::int64_t number : {std::int64_t{-1}, std::int64_t{5}, std::int64_t{1} << 40}) {
    const std::int64_t numbers[] = {0, number};
    int calls = 0;
    EXPECT_THAT(error_of([&] { decoder.decode(numbers, [&](std::size_t, const Frame&) { ++calls; }); }),
                HasSubstr("its frames are 0 to 4"));
    EXPECT_EQ(calls, 0);
  }
  decoder.decode({}, [](std::size_t, const Frame&) { FAIL(); });
}

TEST(VideoFile, TheDeadlineEndsACall) {
  Folder folder;
  if (!write_clip(folder / "a.mp4", {})) GTEST_SKIP();
  EXPECT_THAT(error_of([&] {
                Decoder decoder((folder / "a.mp4").string(), {.deadline_s = 1e-9});
                decoder.times();
              }),
              HasSubstr("deadline"));
  Decoder whole((folder / "a.mp4").string(), {.deadline_s = 0.2, .one_deadline = true});
  Decoder each((folder / "a.mp4").string(), {.deadline_s = 0.2});
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  EXPECT_THAT(error_of([&] { whole.times(); }), HasSubstr("deadline"));
  EXPECT_EQ(each.times().size(), 60u);
  Decoder unlimited((folder / "a.mp4").string(), {.deadline_s = 1e300});
  EXPECT_EQ(unlimited.times().size(), 60u);
}

TEST(VideoFile, NamesThatLookLikeOtherThings) {
  Folder folder;
  for (const char* name : {"-x.mp4", "a:b.mp4", "50%d.mp4", "mit Leerzeichen.mp4", "pipe:0.mp4"}) {
    WriterOptions options{.codec = "h264", .width = 32, .height = 32};
    VideoWriter writer(folder / name, options);
    writer.add(std::vector<std::uint8_t>(32 * 32 * 3, 90));
    writer.finish();
    EXPECT_EQ(inspect(folder / name).frames, 1) << name;
  }
}

std::size_t open_files() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

TEST(VideoFile, HundredsOfOpensLeaveNothingBehind) {
  Folder folder;
  if (!write_clip(folder / "a.mp4", {.frames = 12})) GTEST_SKIP();
  write_bytes(folder / "bad.mp4", "no video");
  const auto use = [&](int times) {
    for (int i = 0; i < times; ++i) {
      Decoder decoder((folder / "a.mp4").string());
      const std::int64_t numbers[] = {7, 2};
      decoder.decode(numbers, [](std::size_t, const Frame&) {});
      EXPECT_NE(error_of([&] { Decoder((folder / "bad.mp4").string()); }), "");
    }
  };
  use(20);
  const std::size_t files = open_files();
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
  const auto before = mallinfo2().uordblks;
  use(300);
  EXPECT_LT(mallinfo2().uordblks, before + 100'000) << "bytes in use must not grow with the number of opens";
#else
  use(300);
#endif
  EXPECT_EQ(open_files(), files);
}

}  // namespace
}  // namespace trecvit::video
