// Streams that were damaged on their way: what is left is played, and nothing wrong is taken for exact.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "data/video/decoder.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

using namespace video_test;
using testing::HasSubstr;

constexpr std::size_t kTsPacket = 188;

// The file without a transport packet from the middle of the video, one with which no picture begins.
std::string without_packet(const std::string& bytes) {
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at + kTsPacket <= bytes.size(); at += kTsPacket) {
    const int id = (bytes[at + 1] & 0x1F) << 8 | static_cast<unsigned char>(bytes[at + 2]);
    const bool begins = bytes[at + 1] & 0x40;
    if (id == 0x100 && !begins) places.push_back(at);
  }
  ensure(!places.empty(), "pictures of one packet each");
  const std::size_t lost = places[places.size() / 2];
  return bytes.substr(0, lost) + bytes.substr(lost + kTsPacket);
}

std::vector<int> played(const std::filesystem::path& path) {
  std::vector<int> shown;
  Decoder decoder(path.string());
  while (const Frame* frame = decoder.next()) shown.push_back(shown_number(*frame));
  return shown;
}

const ClipSpec kTransport = {.file = "a.ts", .gop = 12, .options = {{"sc_threshold", "0"}, {"qp", "6"}}};

TEST(VideoDamage, ALostTransportPacketDoesNotEndTheVideo) {
  Folder folder;
  if (!write_clip(folder / "a.ts", kTransport)) GTEST_SKIP();
  write_bytes(folder / "b.ts", without_packet(read_bytes(folder / "a.ts")));
  const std::vector<int> shown = played(folder / "b.ts");
  EXPECT_GE(shown.size(), 58u);
  EXPECT_EQ(shown.front(), 0);
  EXPECT_EQ(shown.back(), 59);
}

TEST(VideoDamage, FramesBehindALostPacketAreNotExact) {
  Folder folder;
  if (!write_clip(folder / "a.ts", kTransport)) GTEST_SKIP();
  std::vector<std::uint64_t> sound;
  Decoder whole((folder / "a.ts").string());
  while (const Frame* frame = whole.next()) sound.push_back(pixel_hash(*frame));
  write_bytes(folder / "b.ts", without_packet(read_bytes(folder / "a.ts")));
  Decoder decoder((folder / "b.ts").string());
  int refused = 0;
  ASSERT_EQ(decoder.times().size(), 60u);
  for (std::int64_t n = 0; n < 60; ++n) {
    const std::int64_t numbers[] = {n};
    const std::string error = error_of([&] {
      decoder.decode(numbers, [&](std::size_t, const Frame& frame) {
        EXPECT_EQ(pixel_hash(frame), sound[static_cast<std::size_t>(n)]) << n;
      });
    });
    refused += !error.empty();
  }
  EXPECT_GE(refused, 1);
  EXPECT_LE(refused, 12) << "the next group is sound";
}

TEST(VideoDamage, TwoJoinedStreamsAreBothPlayed) {
  Folder folder;
  if (!write_clip(folder / "a.ts", kTransport)) GTEST_SKIP();
  const std::string bytes = read_bytes(folder / "a.ts");
  write_bytes(folder / "b.ts", bytes + bytes);
  const std::vector<int> shown = played(folder / "b.ts");
  EXPECT_GE(shown.size(), 119u);
  EXPECT_EQ(shown.back(), 59);
  Decoder decoder((folder / "b.ts").string());
  EXPECT_EQ(decoder.times().size(), shown.size());
}

// next() hands out what the codec concealed; decode() must not take that picture, or one that refers to it, for exact.
TEST(VideoDamage, ConcealedFramesOfNextAreNoneOfDecode) {
  Folder folder;
  if (!write_clip(folder / "a.ts", kTransport)) GTEST_SKIP();
  write_bytes(folder / "b.ts", without_packet(read_bytes(folder / "a.ts")));
  Decoder strict((folder / "b.ts").string());
  std::int64_t bad = -1;  // the first frame that decode() refuses
  for (std::int64_t n = 0; n < std::ssize(strict.times()) && bad < 0; ++n) {
    const std::int64_t numbers[] = {n};
    if (!error_of([&] { strict.decode(numbers, [](std::size_t, const Frame&) {}); }).empty()) bad = n;
  }
  ASSERT_GE(bad, 0);
  Decoder both((folder / "b.ts").string());
  both.times();
  for (std::int64_t n = 0; n <= bad; ++n) ASSERT_NE(both.next(), nullptr);
  const std::int64_t numbers[] = {bad};
  EXPECT_THAT(error_of([&] { both.decode(numbers, [](std::size_t, const Frame&) {}); }), HasSubstr("is damaged"));
}

}  // namespace
}  // namespace trecvit::video
