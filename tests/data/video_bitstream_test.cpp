// Packets that describe themselves, and files whose packets say too little.
#include <gtest/gtest.h>

#include <numeric>

#include "core/error.h"
#include "data/video/bitstream.h"
#include "data/video/decoder.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

using namespace video_test;

PacketTraits read(AVCodecID codec, std::vector<std::uint8_t> bytes, std::vector<std::uint8_t> extradata = {},
                  int flags = 0) {
  silence_libav();
  AVCodecParameters* parameters = avcodec_parameters_alloc();
  parameters->codec_id = codec;
  parameters->extradata = extradata.data();
  parameters->extradata_size = static_cast<int>(extradata.size());
  PacketReader reader(*parameters);
  parameters->extradata = nullptr;
  avcodec_parameters_free(&parameters);
  Handle<AVPacket> packet = new_packet();
  packet->data = bytes.data();
  packet->size = static_cast<int>(bytes.size());
  packet->flags = flags;
  return reader.read(*packet);
}

TEST(VideoBitstream, Vp8) {
  EXPECT_EQ(read(AV_CODEC_ID_VP8, {0x10, 0, 0}).shown, 1);
  EXPECT_TRUE(read(AV_CODEC_ID_VP8, {0x10, 0, 0}).start);
  EXPECT_FALSE(read(AV_CODEC_ID_VP8, {0x11, 0, 0}).start);
  EXPECT_EQ(read(AV_CODEC_ID_VP8, {0x01, 0, 0}).shown, 0) << "an alternate reference frame";
}

TEST(VideoBitstream, Vp9) {
  // frame_marker 10, profile 00, show_existing 0, frame_type, show_frame, error_resilient
  const std::uint8_t key = 0b1000'0010, inter = 0b1000'0110, hidden = 0b1000'0100, existing = 0b1000'1000;
  EXPECT_TRUE(read(AV_CODEC_ID_VP9, {key, 1, 2}).start);
  EXPECT_FALSE(read(AV_CODEC_ID_VP9, {inter, 1, 2}).start);
  EXPECT_EQ(read(AV_CODEC_ID_VP9, {inter, 1, 2}).shown, 1);
  EXPECT_EQ(read(AV_CODEC_ID_VP9, {hidden, 1, 2}).shown, 0);
  EXPECT_EQ(read(AV_CODEC_ID_VP9, {existing}).shown, 1);
  // A superframe of two frames, sizes 3 and 2 in one byte each.
  EXPECT_EQ(read(AV_CODEC_ID_VP9, {hidden, 1, 2, inter, 1, 0xC1, 3, 2, 0xC1}).shown, 1);
  EXPECT_EQ(read(AV_CODEC_ID_VP9, {inter, 1, 2, inter, 1, 0xC1, 3, 2, 0xC1}).shown, 2);
  EXPECT_TRUE(read(AV_CODEC_ID_VP9, {key, 1, 2, hidden, 1, 0xC1, 3, 2, 0xC1}).start);
  // Sizes beyond the packet must not be followed.
  EXPECT_LE(read(AV_CODEC_ID_VP9, {inter, 1, 0xC1, 200, 200, 0xC1}).shown, 2);
}

TEST(VideoBitstream, H264) {
  const std::vector<std::uint8_t> avcc = {1, 66, 0, 30, 0xFF, 0xE0, 0};  // lengths of 4 bytes
  EXPECT_TRUE(read(AV_CODEC_ID_H264, {0, 0, 0, 2, 0x65, 1}, avcc).start) << "IDR";
  const PacketTraits reference = read(AV_CODEC_ID_H264, {0, 0, 0, 2, 0x41, 1}, avcc);
  EXPECT_FALSE(reference.start);
  EXPECT_FALSE(reference.droppable);
  EXPECT_TRUE(read(AV_CODEC_ID_H264, {0, 0, 0, 2, 0x01, 1}, avcc).droppable) << "nal_ref_idc 0";
  EXPECT_FALSE(read(AV_CODEC_ID_H264, {0, 0, 0, 2, 0x01, 1, 0, 0, 0, 2, 0x41, 1}, avcc).droppable) << "two fields";
  EXPECT_EQ(read(AV_CODEC_ID_H264, {0, 0, 0, 2, 0x09, 0x10}, avcc).shown, 0) << "a delimiter alone";
  EXPECT_TRUE(read(AV_CODEC_ID_H264, {0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 1}).start) << "start codes";
  EXPECT_TRUE(read(AV_CODEC_ID_H264, {0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 1}).headers);
  // Recovery point: count 0 and exact match, count 0 without, count 2.
  const auto recovery = [&](std::uint8_t payload) {
    return read(AV_CODEC_ID_H264, {0, 0, 0, 5, 0x06, 6, 1, payload, 0x80, 0, 0, 0, 2, 0x41, 1}, avcc, AV_PKT_FLAG_KEY)
        .start;
  };
  EXPECT_TRUE(recovery(0b1100'0000));
  EXPECT_FALSE(recovery(0b1000'0000));
  EXPECT_FALSE(recovery(0b0111'0000));
  EXPECT_FALSE(read(AV_CODEC_ID_H264, {0xFF, 0xFF, 0xFF, 0xFF, 0x65}, avcc).droppable) << "a length beyond the packet";
}

// Pictures that lead a broken link (BLA) refer to what is gone: decoders do not show them.
TEST(VideoBitstream, HevcBrokenLinks) {
  Folder folder;
  const ClipSpec spec{
      .encoder = "libx265",
      .b_frames = 3,
      .options = {
          {"x265-params",
           "log-level=none:pools=none:frame-threads=1:open-gop=1:keyint=12:min-keyint=12:b-adapt=0:scenecut=0"}}};
  if (!write_clip(folder / "a.mp4", spec)) GTEST_SKIP();
  std::string bytes = read_bytes(folder / "a.mp4");
  AVFormatContext* in = nullptr;
  ASSERT_GE(avformat_open_input(&in, (folder / "a.mp4").c_str(), nullptr, nullptr), 0);
  Handle<AVPacket> packet = new_packet();
  int changed = 0;
  while (av_read_frame(in, packet.get()) >= 0) {
    for (int at = 0; at + 5 < packet->size;) {  // lengths of four bytes
      std::size_t length = 0;
      for (int i = 0; i < 4; ++i) length = length << 8 | packet->data[at + i];
      if ((packet->data[at + 4] >> 1 & 0x3F) == 21) {  // CRA becomes BLA_W_LP
        bytes[static_cast<std::size_t>(packet->pos + at + 4)] = 16 << 1;
        ++changed;
      }
      at += 4 + static_cast<int>(length);
    }
    av_packet_unref(packet.get());
  }
  avformat_close_input(&in);
  ASSERT_GT(changed, 0);
  write_bytes(folder / "b.mp4", bytes);
  std::vector<int> shown;
  Decoder all((folder / "b.mp4").string());
  while (const Frame* frame = all.next()) shown.push_back(shown_number(*frame));
  ASSERT_LT(shown.size(), 60u) << "the file is what it should be";
  Decoder decoder((folder / "b.mp4").string());
  ASSERT_EQ(decoder.times().size(), shown.size());
  for (std::int64_t n = std::ssize(shown) - 1; n >= 0; n -= 5) {
    const std::int64_t numbers[] = {n};
    decoder.decode(numbers, [&](std::size_t, const Frame& frame) {
      EXPECT_EQ(shown_number(frame), shown[static_cast<std::size_t>(n)]);
    });
  }
}

// Decodes a few frames in odd order and everything in order.
void expect_numbers(const std::filesystem::path& path, int frames) {
  Decoder decoder(path.string());
  ASSERT_EQ(decoder.times().size(), static_cast<std::size_t>(frames));
  const std::int64_t numbers[] = {frames - 1, 3, 9, 3, 0, frames / 2};
  decoder.decode(numbers, [&](std::size_t k, const Frame& frame) { EXPECT_EQ(shown_number(frame), numbers[k]); });
  Decoder all(path.string());
  int count = 0;
  while (const Frame* frame = all.next()) EXPECT_EQ(shown_number(*frame), count++);
  EXPECT_EQ(count, frames);
}

TEST(VideoBitstream, DoubledTimes) {
  Folder folder;
  ClipSpec spec{.file = "clip.mkv", .encoder = "libvpx-vp9", .options = {{"deadline", "realtime"}, {"cpu-used", "8"}}};
  spec.edit = [](AVPacket& packet, int i) {
    if (i % 4 == 2) packet.pts = packet.dts = packet.pts - 83;  // that of the packet before
  };
  if (!write_clip(folder / "clip.mkv", spec)) GTEST_SKIP();
  expect_numbers(folder / "clip.mkv", 60);
  Decoder decoder((folder / "clip.mkv").string());
  for (std::size_t i = 1; i < 60; ++i) EXPECT_GT(decoder.times()[i], decoder.times()[i - 1]);
}

// A clip whose first packets are gone begins with frames that nothing can show.
TEST(VideoBitstream, AStartInTheMiddleOfAGroup) {
  Folder folder;
  ClipSpec spec{.file = "clip.mkv", .gop = 20, .options = {{"sc_threshold", "0"}}};
  if (!write_clip(folder / "whole.mkv", spec)) GTEST_SKIP();
  // Written again without the first five packets.
  AVFormatContext *in = nullptr, *out = nullptr;
  ASSERT_GE(avformat_open_input(&in, (folder / "whole.mkv").c_str(), nullptr, nullptr), 0);
  ASSERT_GE(avformat_alloc_output_context2(&out, nullptr, nullptr, (folder / "late.mkv").c_str()), 0);
  avcodec_parameters_copy(avformat_new_stream(out, nullptr)->codecpar, in->streams[0]->codecpar);
  ASSERT_GE(avio_open(&out->pb, (folder / "late.mkv").c_str(), AVIO_FLAG_WRITE), 0);
  ASSERT_GE(avformat_write_header(out, nullptr), 0);
  Handle<AVPacket> packet = new_packet();
  for (int i = 0; av_read_frame(in, packet.get()) >= 0; ++i) {
    if (i >= 5) {
      av_write_frame(out, packet.get());
    }
    av_packet_unref(packet.get());
  }
  av_write_trailer(out);
  avio_closep(&out->pb);
  avformat_free_context(out);
  avformat_close_input(&in);
  Decoder decoder((folder / "late.mkv").string());
  const std::size_t frames = decoder.times().size();
  Decoder all((folder / "late.mkv").string());
  std::vector<int> shown;
  while (const Frame* frame = all.next()) shown.push_back(shown_number(*frame));
  ASSERT_EQ(frames, shown.size()) << "both ways count what the decoder shows";
  const std::int64_t last[] = {static_cast<std::int64_t>(frames) - 1};
  decoder.decode(last, [&](std::size_t, const Frame& frame) { EXPECT_EQ(shown_number(frame), 59); });
}

// DivX in AVI: a B picture travels in the packet of the P picture before it, and leaves a place holder.
TEST(VideoBitstream, PackedPictures) {
  Folder folder;
  const ClipSpec spec{.file = "clip.mkv",
                      .encoder = "mpeg4",
                      .frames = 41,
                      .gop = 600,
                      .b_frames = 1,
                      .options = {{"b_strategy", "0"}}};
  if (!write_clip(folder / "plain.mkv", spec)) GTEST_SKIP();
  AVFormatContext *in = nullptr, *out = nullptr;
  ASSERT_GE(avformat_open_input(&in, (folder / "plain.mkv").c_str(), nullptr, nullptr), 0);
  std::vector<std::string> packets;
  Handle<AVPacket> packet = new_packet();
  while (av_read_frame(in, packet.get()) >= 0) {
    packets.emplace_back(reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size));
    av_packet_unref(packet.get());
  }
  ASSERT_EQ(packets.size(), 41u);
  const std::string divx(
      "\0\0\1\xB2"
      "DivX503b1393p",
      17);
  const std::string holder("\0\0\1\xB6\x51\x20\x7F", 7);
  std::vector<std::string> packed = {packets[0]};
  packed[0].insert(packed[0].find(std::string("\0\0\1\xB6", 4)), divx);
  for (std::size_t i = 1; i + 1 < packets.size(); i += 2) {
    packed.push_back(packets[i] + packets[i + 1]);
    packed.push_back(holder);
  }
  ASSERT_GE(avformat_alloc_output_context2(&out, nullptr, nullptr, (folder / "packed.avi").c_str()), 0);
  AVStream* stream = avformat_new_stream(out, nullptr);
  avcodec_parameters_copy(stream->codecpar, in->streams[0]->codecpar);
  stream->codecpar->codec_tag = MKTAG('D', 'X', '5', '0');
  stream->time_base = {1, 12};
  ASSERT_GE(avio_open(&out->pb, (folder / "packed.avi").c_str(), AVIO_FLAG_WRITE), 0);
  ASSERT_GE(avformat_write_header(out, nullptr), 0);
  for (std::size_t i = 0; i < packed.size(); ++i) {
    ASSERT_GE(av_new_packet(packet.get(), static_cast<int>(packed[i].size())), 0);
    std::copy(packed[i].begin(), packed[i].end(), packet->data);
    packet->pts = packet->dts = static_cast<std::int64_t>(i);
    packet->duration = 1;
    if (i == 0) packet->flags |= AV_PKT_FLAG_KEY;
    ASSERT_GE(av_write_frame(out, packet.get()), 0);
    av_packet_unref(packet.get());
  }
  av_write_trailer(out);
  avio_closep(&out->pb);
  avformat_free_context(out);
  avformat_close_input(&in);
  if (have_program("ffprobe")) {
    const std::string counted =
        output_of("ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 " +
                  (folder / "packed.avi").string() + " 2>/dev/null");
    ASSERT_EQ(std::stoi(counted), 41) << "the file is what it should be";
  }
  expect_numbers(folder / "packed.avi", 41);
}

}  // namespace
}  // namespace trecvit::video
