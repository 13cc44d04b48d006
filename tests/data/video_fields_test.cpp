// Frames that are coded as two fields: one number, one time, one picture each.
#include <gtest/gtest.h>

#include <numeric>

#include "core/error.h"
#include "data/video/decoder.h"
#include "data/video/h264_pictures.h"
#include "data/video/libav.h"
#include "field_video.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

using namespace video_test;

// 24 fields a second, in two packets per frame or in one.
void mux(const std::filesystem::path& path, const std::vector<std::string>& units, bool one_packet) {
  silence_libav();
  if (path.extension() == ".h264") {
    write_bytes(path, std::accumulate(units.begin(), units.end(), std::string()));
    return;
  }
  AVFormatContext* out = nullptr;
  ensure(avformat_alloc_output_context2(&out, nullptr, nullptr, path.c_str()) >= 0, "container");
  AVStream* stream = avformat_new_stream(out, nullptr);
  AVCodecParameters& parameters = *stream->codecpar;
  parameters.codec_type = AVMEDIA_TYPE_VIDEO;
  parameters.codec_id = AV_CODEC_ID_H264;
  parameters.width = kWidth;
  parameters.height = kHeight;
  parameters.format = AV_PIX_FMT_YUV420P;
  const std::size_t sets = units[0].find(std::string("\0\0\0\1\x65", 5));
  parameters.extradata = static_cast<std::uint8_t*>(av_mallocz(sets + AV_INPUT_BUFFER_PADDING_SIZE));
  std::copy_n(units[0].begin(), sets, parameters.extradata);
  parameters.extradata_size = static_cast<int>(sets);
  stream->time_base = {1, 24};
  stream->avg_frame_rate = {12, 1};
  ensure(avio_open(&out->pb, path.c_str(), AVIO_FLAG_WRITE) >= 0, "file");
  ensure(avformat_write_header(out, nullptr) >= 0, "header");
  Handle<AVPacket> packet = new_packet();
  for (std::size_t i = 0; i < units.size(); ++i) {
    ensure(av_new_packet(packet.get(), static_cast<int>(units[i].size())) >= 0, "packet");
    std::copy(units[i].begin(), units[i].end(), packet->data);
    packet->pts = packet->dts = static_cast<std::int64_t>(one_packet ? 2 * i : i);
    packet->duration = one_packet ? 2 : 1;
    if (i == 0) packet->flags |= AV_PKT_FLAG_KEY;
    av_packet_rescale_ts(packet.get(), {1, 24}, stream->time_base);
    ensure(av_write_frame(out, packet.get()) >= 0, "write");
    av_packet_unref(packet.get());
  }
  av_write_trailer(out);
  avio_closep(&out->pb);
  avformat_free_context(out);
}

std::vector<int> played(const std::filesystem::path& path) {
  std::vector<int> shown;
  Decoder decoder(path.string());
  while (const Frame* frame = decoder.next()) shown.push_back(shown_number(*frame));
  return shown;
}

TEST(VideoFields, TwoFieldsAreOneFrame) {
  Folder folder;
  for (const char* name : {"a.h264", "a.ts", "a.mp4", "a.mkv"}) {
    for (const bool one_packet : {false, true}) {
      SCOPED_TRACE(text(name, one_packet ? ", one packet per frame" : ", one packet per field"));
      const std::filesystem::path path = folder / name;
      mux(path, field_video({.one_packet = one_packet}), one_packet);
      std::vector<int> all(12);
      std::iota(all.begin(), all.end(), 0);
      EXPECT_EQ(played(path), all);
      Decoder decoder(path.string());
      ASSERT_EQ(decoder.times().size(), 12u);
      if (path.extension() != ".h264") {
        for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(decoder.times()[i], static_cast<double>(i) / 12, 1.1e-3);
      }
      const std::int64_t numbers[] = {11, 3, 9, 3, 0, 6};
      decoder.decode(numbers, [&](std::size_t k, const Frame& frame) { EXPECT_EQ(shown_number(frame), numbers[k]); });
      EXPECT_EQ(inspect(path).frames, 12);
    }
  }
}

TEST(VideoFields, AMissingFieldShiftsNoNumber) {
  Folder folder;
  for (const int lost : {6, 9, 23}) {
    SCOPED_TRACE(lost);
    const std::filesystem::path path = folder / "a.mp4";
    mux(path, field_video({.lost_field = lost}), false);
    const std::vector<int> shown = played(path);
    Decoder decoder(path.string());
    ASSERT_EQ(decoder.times().size(), shown.size()) << "both ways count what the decoder shows";
    for (std::int64_t n = 0; n < std::ssize(shown); ++n) {
      const std::int64_t numbers[] = {n};
      const std::string error = error_of([&] {
        decoder.decode(numbers, [&](std::size_t, const Frame& frame) {
          EXPECT_EQ(shown_number(frame), shown[static_cast<std::size_t>(n)]);
        });
      });
      if (n < lost / 2 - 1) {
        EXPECT_EQ(error, "") << n;
      }
    }
  }
}

TEST(VideoFields, SlicesSayWhichFieldTheyBelongTo) {
  using Slice = H264Pictures::Slice;
  const std::vector<std::string> units = field_video({.frames = 3});
  const auto nals = [](const std::string& unit) {
    std::vector<std::vector<std::uint8_t>> found;
    const std::string code("\0\0\0\1", 4);
    for (std::size_t at = unit.find(code); at != std::string::npos;) {
      const std::size_t next = unit.find(code, at + 4);
      const std::string one = unit.substr(at + 4, next == std::string::npos ? next : next - at - 4);
      found.emplace_back(one.begin(), one.end());
      at = next;
    }
    return found;
  };
  const auto first = nals(units[0]);
  ASSERT_EQ(first.size(), 3u);
  H264Pictures pictures;
  EXPECT_EQ(pictures.slice(first[2]), Slice::kFrame) << "without parameter sets";
  pictures.parameter_set(first[0]);
  pictures.parameter_set(first[1]);
  EXPECT_EQ(pictures.slice(first[2]), Slice::kFirstField);
  EXPECT_TRUE(pictures.open());
  EXPECT_EQ(pictures.slice(nals(units[1])[0]), Slice::kSecondField);
  EXPECT_FALSE(pictures.open());
  EXPECT_EQ(pictures.slice(nals(units[2])[0]), Slice::kFirstField);
  EXPECT_EQ(pictures.slice(nals(units[4])[0]), Slice::kStray) << "of the next frame";
  EXPECT_EQ(pictures.slice(nals(units[5])[0]), Slice::kSecondField);
  EXPECT_EQ(pictures.slice({}), Slice::kFrame) << "nothing at all";
}

}  // namespace
}  // namespace trecvit::video
