// The right frame, in every codec and container, whatever the order of the requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "core/rng.h"
#include "data/video/rgb.h"
#include "data/video/decoder.h"
#include "data/video/nal_bits.h"
#include "nal_writer.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

using namespace video_test;

std::int64_t varying(int i) { return 40 + 83 * i + (i % 5) * 11 + (i > 20 ? 700 : 0); }

// {name, clip}
std::vector<std::pair<std::string, ClipSpec>> clips() {
  return {
      {"h264_plain", {}},
      {"h264_b", {.b_frames = 3, .options = {{"b_strategy", "0"}}}},
      {"h264_b_pyramid", {.b_frames = 4, .options = {{"b_strategy", "0"}, {"b-pyramid", "normal"}}}},
      {"h264_open_gop",
       {.b_frames = 3, .options = {{"b_strategy", "0"}, {"x264-params", "open-gop=1:keyint=12:min-keyint=12"}}}},
      {"h264_intra_refresh", {.options = {{"intra-refresh", "1"}}}},
      {"h264_mkv", {.file = "clip.mkv", .b_frames = 3}},
      {"h264_ts", {.file = "clip.ts", .b_frames = 2}},
      {"h264_avi", {.file = "clip.avi", .b_frames = 2}},
      {"h264_bare", {.file = "clip.h264", .b_frames = 2}},
      {"h264_vfr", {.file = "clip.mkv", .b_frames = 2, .pts = varying}},
      {"h264_late_start", {.b_frames = 2, .pts = [](int i) { return std::int64_t{5000} + 83 * i; }}},
      {"h264_negative_start",
       {.file = "clip.mkv",
        .b_frames = 2,
        .muxer = {{"avoid_negative_ts", "disabled"}},
        .pts = [](int i) { return std::int64_t{-700} + 83 * i; }}},
      {"av1",
       {.file = "clip.mkv", .encoder = "libaom-av1", .gop = 20, .options = {{"usage", "realtime"}, {"cpu-used", "8"}}}},
      {"av1_invisible",
       {.encoder = "libaom-av1",
        .gop = 30,
        .options = {{"cpu-used", "8"}, {"lag-in-frames", "16"}, {"crf", "40"}, {"b", "0"}}}},
      {"hevc",
       {.encoder = "libx265",
        .b_frames = 3,
        .options = {{"x265-params", "log-level=none:pools=none:frame-threads=1"}}}},
      {"hevc_open_gop",
       {.encoder = "libx265",
        .b_frames = 3,
        .options = {{"x265-params", "log-level=none:pools=none:frame-threads=1:open-gop=1:keyint=12:min-keyint=12"}}}},
      {"vp8", {.file = "clip.webm", .encoder = "libvpx", .options = {{"deadline", "realtime"}, {"cpu-used", "8"}}}},
      {"vp8_invisible",
       {.file = "clip.webm",
        .encoder = "libvpx",
        .gop = 40,
        .two_passes = true,
        .options = {{"auto-alt-ref", "1"}, {"lag-in-frames", "16"}, {"cpu-used", "5"}, {"b", "200k"}}}},
      {"vp9", {.file = "clip.webm", .encoder = "libvpx-vp9", .options = {{"deadline", "realtime"}, {"cpu-used", "8"}}}},
      {"vp9_invisible",
       {.file = "clip.webm",
        .encoder = "libvpx-vp9",
        .gop = 40,
        .two_passes = true,
        .options = {{"auto-alt-ref", "1"}, {"lag-in-frames", "16"}, {"cpu-used", "5"}, {"b", "200k"}}}},
      {"vp9_vfr",
       {.file = "clip.webm",
        .encoder = "libvpx-vp9",
        .options = {{"deadline", "realtime"}, {"cpu-used", "8"}},
        .pts = varying}},
      {"mpeg4", {.encoder = "mpeg4", .b_frames = 2}},
      {"mpeg4_avi", {.file = "clip.avi", .encoder = "mpeg4"}},
      {"mpeg4_avi_b", {.file = "clip.avi", .encoder = "mpeg4", .b_frames = 2}},
      {"mjpeg_avi", {.file = "clip.avi", .encoder = "mjpeg", .pix_fmt = "yuvj420p"}},
      {"mpeg2_ts", {.file = "clip.ts", .encoder = "mpeg2video", .fps = 25, .b_frames = 2, .options = {{"b", "2M"}}}},
      {"ffv1_mkv", {.file = "clip.mkv", .encoder = "ffv1"}},
  };
}

constexpr int kRequests = 400;  // for single frames, of every clip: over 10,000 in all

class EveryClip : public testing::TestWithParam<std::pair<std::string, ClipSpec>> {
 protected:
  void SetUp() override {
    path_ = folder_ / spec().file;
    if (!write_clip(path_, spec())) GTEST_SKIP() << "this FFmpeg has no encoder " << spec().encoder;
  }
  const ClipSpec& spec() const { return GetParam().second; }
  Folder folder_;
  std::filesystem::path path_;
};

INSTANTIATE_TEST_SUITE_P(Video, EveryClip, testing::ValuesIn(clips()),
                         [](const auto& clip) { return clip.param.first; });

TEST_P(EveryClip, CountsAndTimesEveryFrame) {
  EXPECT_EQ(inspect(path_).frames, spec().frames);
  Decoder decoder(path_.string());
  const std::vector<double>& times = decoder.times();
  ASSERT_EQ(times.size(), static_cast<std::size_t>(spec().frames));
  // AVI and bare streams have no time per frame, and FFmpeg's reader of Matroska gives none to frames before 0.
  const bool timed = spec().file.find(".avi") == std::string::npos && spec().file.find(".h264") == std::string::npos &&
                     (!spec().pts || spec().pts(0) >= 0);
  for (int i = 0; i < spec().frames; ++i) {
    const double wanted =
        spec().pts ? static_cast<double>(spec().pts(i) - spec().pts(0)) / 1000 : static_cast<double>(i) / spec().fps;
    if (timed) {
      EXPECT_NEAR(times[static_cast<std::size_t>(i)], wanted, 1.1e-3) << i;
    }
    if (i > 0) {
      EXPECT_GT(times[static_cast<std::size_t>(i)], times[static_cast<std::size_t>(i - 1)]);
    }
  }
}

TEST_P(EveryClip, PlaysInOrder) {
  Decoder decoder(path_.string());
  for (int round = 0; round < 2; ++round) {
    int count = 0;
    double last = -1;
    while (const Frame* frame = decoder.next()) {
      ASSERT_EQ(shown_number(*frame), count);
      ASSERT_EQ(frame->number, count);
      ASSERT_GT(frame->pts_s, last);
      last = frame->pts_s;
      ++count;
    }
    EXPECT_EQ(count, spec().frames);
    EXPECT_EQ(decoder.next(), nullptr) << "the end stays the end";
    decoder.rewind();
  }
}

// Random numbers, unsorted and repeated; pixels must equal those of decoding everything.
TEST_P(EveryClip, AnyFrameInAnyOrder) {
  std::vector<std::uint64_t> pixels;
  Decoder all(path_.string());
  while (const Frame* frame = all.next()) pixels.push_back(pixel_hash(*frame));
  ASSERT_EQ(pixels.size(), static_cast<std::size_t>(spec().frames));
  Rng rng(1, stream_id(GetParam().first));
  Decoder in_memory(path_.string()), from_file(path_.string(), {.memory_bytes = 0});
  int requests = 0;
  for (int round = 0; requests < kRequests; ++round) {
    Decoder& decoder = round % 2 == 0 ? in_memory : from_file;
    std::vector<std::int64_t> numbers;
    const std::int64_t count = 1 + rng.below(6), base = rng.below(spec().frames);
    for (std::int64_t i = 0; i < count; ++i) {
      numbers.push_back(round % 3 == 0 ? std::min<std::int64_t>(base + 2 * i, spec().frames - 1)
                                       : rng.below(spec().frames));
    }
    requests += static_cast<int>(count);
    std::vector<std::int64_t> seen(numbers.size(), -1);
    std::int64_t last = -1;
    decoder.decode(numbers, [&](std::size_t k, const Frame& frame) {
      EXPECT_EQ(frame.number, numbers[k]);
      EXPECT_GE(frame.number, last) << "ascending order";
      last = frame.number;
      EXPECT_EQ(shown_number(frame), numbers[k]);
      EXPECT_EQ(pixel_hash(frame), pixels[static_cast<std::size_t>(numbers[k])]) << numbers[k];
      EXPECT_DOUBLE_EQ(frame.pts_s, decoder.times()[static_cast<std::size_t>(numbers[k])]);
      seen[k] = frame.number;
    });
    EXPECT_EQ(seen, numbers) << "each request is answered once";
    if (round < 20 && round % 8 < 2) {  // the cursor of next() is its own
      const Frame* frame = decoder.next();
      ASSERT_NE(frame, nullptr);
      EXPECT_EQ(frame->number, round / 8);
      EXPECT_EQ(pixel_hash(*frame), pixels[static_cast<std::size_t>(round / 8)]);
    }
  }
}

TEST(VideoDecoder, TenThousandRequests) { EXPECT_GE(std::ssize(clips()) * kRequests, 10'000); }

TEST(VideoDecoder, JumpsToKeyframesAndDropsWhatNobodyNeeds) {
  Folder folder;
  const ClipSpec spec{.frames = 240,
                      .gop = 24,
                      .b_frames = 3,
                      .options = {{"b_strategy", "0"}, {"b-pyramid", "none"}, {"sc_threshold", "0"}}};
  if (!write_clip(folder / "a.mp4", spec)) GTEST_SKIP();
  Decoder decoder((folder / "a.mp4").string());
  const std::int64_t late[] = {200};
  decoder.decode(late, [](std::size_t, const Frame&) {});
  EXPECT_EQ(decoder.counts().jumps, 1);
  EXPECT_LE(decoder.counts().packets, 24) << "from the key frame 192";
  EXPECT_GT(decoder.counts().dropped, 0);
  Decoder strided((folder / "a.mp4").string());
  std::vector<std::int64_t> numbers;
  for (int i = 0; i < 48; i += 4) numbers.push_back(i);
  strided.decode(numbers, [](std::size_t, const Frame&) {});
  EXPECT_EQ(strided.counts().jumps, 1) << "a key frame on the way is a shorter way";
  EXPECT_LE(strided.counts().packets, 30);
}

TEST(VideoDecoder, HiddenFramesAreInTheTestClip) {
  // Otherwise "vp8_invisible" above would prove nothing. (VP9 hides them inside packets: see BitstreamTest.)
  Folder folder;
  for (const auto& [name, spec] : clips()) {
    if (name != "vp8_invisible" || !write_clip(folder / spec.file, spec)) continue;
    Decoder decoder((folder / spec.file).string());
    while (decoder.next()) {
    }
    EXPECT_GT(decoder.counts().packets, spec.frames);
  }
}

// The sequence parameter set of a Matroska file without its VUI, which says how far frames are reordered (7.3.2.1.1).
std::string without_vui(std::string bytes) {
  const std::size_t at = bytes.find("\x67\x64");  // High profile
  ensure(at != std::string::npos, "no sequence parameter set");
  const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(bytes[at - 2])) << 8 |
                           static_cast<unsigned char>(bytes[at - 1]);
  const std::string set = bytes.substr(at, size);
  const auto* data = reinterpret_cast<const std::uint8_t*>(set.data());
  NalBits bits({data, set.size()}, set.size());
  bits.u(24), bits.ue();
  bits.ue(), bits.ue(), bits.ue(), bits.u(2);                             // chroma, depths, no scaling lists
  bits.ue(), ensure(bits.ue() == 0, "another picture order"), bits.ue();  // frame_num, picture order count
  bits.ue(), bits.u(1), bits.ue(), bits.ue(), bits.u(2);                  // references, size, frames only
  if (bits.u(1)) bits.ue(), bits.ue(), bits.ue(), bits.ue();              // cropping
  const std::size_t kept = bits.position();
  NalBits again({data, set.size()}, set.size());
  NalWriter writer;
  for (std::size_t i = 0; i < kept; ++i) writer.u(1, again.u(1));
  writer.u(1, 0);
  std::string shorter = writer.finish(0x67);
  shorter.resize(size, '\0');
  return bytes.replace(at, size, shorter);
}

TEST(VideoDecoder, PlaysReorderedFramesWhoseHeadersDoNotTellTheirOrder) {
  Folder folder;
  const ClipSpec spec{.file = "a.mkv",
                      .b_frames = 8,
                      .options = {{"b_strategy", "0"}, {"x264-params", "b-pyramid=normal:ref=8:scenecut=0:keyint=30"}}};
  if (!write_clip(folder / "a.mkv", spec)) GTEST_SKIP();
  write_bytes(folder / "b.mkv", without_vui(read_bytes(folder / "a.mkv")));
  Decoder decoder((folder / "b.mkv").string());
  int count = 0;
  while (const Frame* frame = decoder.next()) ASSERT_EQ(shown_number(*frame), count++);
  EXPECT_EQ(count, 60);
  const std::int64_t numbers[] = {59, 0, 31};
  decoder.decode(numbers, [&](std::size_t k, const Frame& frame) { EXPECT_EQ(shown_number(frame), numbers[k]); });
}

TEST(VideoDecoder, EditListsHideFrames) {
  if (!have_program("ffmpeg")) GTEST_SKIP() << "ffmpeg cuts the clip";
  Folder folder;
  if (!write_clip(folder / "whole.mp4", {.b_frames = 2})) GTEST_SKIP();
  // Copied from 1.5 s on: packets from the key frame 12 on, an edit list that shows them from frame 18 on.
  output_of("ffmpeg -v error -y -ss 1.5 -i " + (folder / "whole.mp4").string() + " -c copy " +
            (folder / "cut.mp4").string());
  const std::string probe = "ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 ";
  const int counted = std::stoi(output_of(probe + (folder / "cut.mp4").string()));
  Decoder decoder((folder / "cut.mp4").string());
  ASSERT_EQ(decoder.times().size(), static_cast<std::size_t>(counted));
  EXPECT_LT(counted, 60 - 12);
  const std::int64_t numbers[] = {counted - 1, 0, 5};
  decoder.decode(numbers,
                 [&](std::size_t k, const Frame& frame) { EXPECT_EQ(shown_number(frame), 60 - counted + numbers[k]); });
}

// Phones store a turned picture and how to turn it back: both must come out as ffmpeg shows them.
TEST(VideoDecoder, TurnsAsFfmpegDoes) {
  if (!have_program("ffmpeg")) GTEST_SKIP() << "ffmpeg writes the rotation";
  Folder folder;
  if (!write_clip(folder / "a.mp4", {.frames = 4})) GTEST_SKIP();
  for (const int turn : {0, 90, 180, 270}) {
    const std::string file = (folder / "b.mp4").string();
    output_of("ffmpeg -v error -y -i " + (folder / "a.mp4").string() +
              " -c copy -metadata:s:v rotate=" + std::to_string(turn) + " " + file);
    const std::string wanted = output_of("ffmpeg -v error -i " + file +
                                         " -frames:v 1 -sws_flags accurate_rnd+full_chroma_int "
                                         "-pix_fmt rgb24 -f rawvideo -");
    Decoder decoder(file);
    EXPECT_EQ(decoder.info().width, kWidth) << "as coded";
    const Frame* frame = decoder.next();
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->width, turn % 180 == 0 ? kWidth : kHeight);
    EXPECT_EQ(frame->height, turn % 180 == 0 ? kHeight : kWidth);
    std::vector<std::uint8_t> rgb(wanted.size());
    ASSERT_EQ(wanted.size(), static_cast<std::size_t>(kWidth * kHeight * 3));
    convert(*frame, whole(*frame), frame->width, frame->height, rgb.data());
    double difference = 0;
    for (std::size_t i = 0; i < rgb.size(); ++i) difference += std::abs(rgb[i] - static_cast<std::uint8_t>(wanted[i]));
    EXPECT_LT(difference / static_cast<double>(rgb.size()), 2) << turn;
  }
}

}  // namespace
}  // namespace trecvit::video
