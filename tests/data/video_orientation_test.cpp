// Turned and mirrored pictures come out as ffmpeg shows them; pixels count as square, whatever their tag says.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "data/video/rgb.h"
#include "data/video/decoder.h"
#include "video_support.h"

namespace trecvit::video {
namespace {

using namespace video_test;

// With the matrix (a b; c d) in the track header of an MP4 file (ISO/IEC 14496-12, 8.3.2).
std::string with_matrix(std::string bytes, int a, int b, int c, int d) {
  const std::size_t at = bytes.find("tkhd") + 4 + 40;
  const int matrix[] = {a, b, 0, c, d, 0, 0, 0, 0x4000};
  for (std::size_t i = 0; i < 9; ++i) {
    const auto value = static_cast<std::uint32_t>(matrix[i]) << 16;
    for (std::size_t k = 0; k < 4; ++k) bytes[at + 4 * i + k] = static_cast<char>(value >> (24 - 8 * k));
  }
  return bytes;
}

std::vector<std::uint8_t> first_picture(const std::string& file, int& width, int& height) {
  Decoder decoder(file);
  const Frame* frame = decoder.next();
  ensure(frame != nullptr, "no frame");
  width = frame->width;
  height = frame->height;
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(width * height * 3));
  convert(*frame, whole(*frame), width, height, rgb.data());
  return rgb;
}

TEST(VideoOrientation, AllEightAsFfmpegShowsThem) {
  if (!have_program("ffmpeg")) GTEST_SKIP() << "ffmpeg is the judge";
  Folder folder;
  // A picture without symmetry.
  output_of(
      "ffmpeg -v error -y -f lavfi -i testsrc2=size=64x48:rate=12 -frames:v 2 -c:v libx264 -qp 4 -pix_fmt yuv420p " +
      (folder / "a.mp4").string());
  if (!std::filesystem::exists(folder / "a.mp4")) GTEST_SKIP();
  const std::string bytes = read_bytes(folder / "a.mp4"), file = (folder / "b.mp4").string();
  for (const bool turned : {false, true}) {
    for (const int first : {1, -1}) {
      for (const int second : {1, -1}) {
        SCOPED_TRACE(text(turned ? "b c: " : "a d: ", first, " ", second));
        write_bytes(file, turned ? with_matrix(bytes, 0, first, second, 0) : with_matrix(bytes, first, 0, 0, second));
        const std::string wanted = output_of("ffmpeg -v error -i " + file +
                                             " -frames:v 1 -sws_flags accurate_rnd+full_chroma_int "
                                             "-pix_fmt rgb24 -f rawvideo -");
        int width = 0, height = 0;
        const std::vector<std::uint8_t> rgb = first_picture(file, width, height);
        EXPECT_EQ(width, turned ? 48 : 64);
        EXPECT_EQ(height, turned ? 64 : 48);
        ASSERT_EQ(wanted.size(), rgb.size());
        double difference = 0;
        for (std::size_t i = 0; i < rgb.size(); ++i)
          difference += std::abs(rgb[i] - static_cast<std::uint8_t>(wanted[i]));
        // Where colours are sharp ffmpeg's differ a little, for it is not told where chroma lies.
        EXPECT_LT(difference / static_cast<double>(rgb.size()), 8);
      }
    }
  }
}

TEST(VideoOrientation, InfoTellsTurnAndMirror) {
  Folder folder;
  if (!write_clip(folder / "a.mp4", {.frames = 2})) GTEST_SKIP();
  const std::string bytes = read_bytes(folder / "a.mp4");
  const auto told = [&](int a, int b, int c, int d) {
    write_bytes(folder / "b.mp4", with_matrix(bytes, a, b, c, d));
    const VideoInfo info = Decoder((folder / "b.mp4").string()).info();
    return std::pair(info.rotation, info.mirrored);
  };
  EXPECT_EQ(told(1, 0, 0, 1), std::pair(0, false));
  EXPECT_EQ(told(0, 1, -1, 0), std::pair(90, false));
  EXPECT_EQ(told(-1, 0, 0, -1), std::pair(180, false));
  EXPECT_EQ(told(0, -1, 1, 0), std::pair(270, false));
  EXPECT_EQ(told(-1, 0, 0, 1), std::pair(0, true));
  EXPECT_EQ(told(1, 0, 0, -1), std::pair(180, true)) << "upside down";
  EXPECT_EQ(told(0, 1, 1, 0), std::pair(90, true)) << "transposed";
  EXPECT_EQ(told(0, -1, -1, 0), std::pair(270, true));
}

TEST(VideoOrientation, PixelsCountAsSquare) {
  Folder folder;
  if (!write_clip(folder / "square.mp4", {.frames = 2})) GTEST_SKIP();
  ASSERT_TRUE(write_clip(folder / "wide.mp4", {.frames = 2, .options = {{"aspect", "2:1"}}}));
  if (have_program("ffprobe")) {
    const std::string told = output_of("ffprobe -v error -show_entries stream=sample_aspect_ratio -of csv=p=0 " +
                                       (folder / "wide.mp4").string());
    ASSERT_EQ(told.substr(0, 3), "2:1") << "the file is what it should be";
  }
  int width = 0, height = 0;
  const std::vector<std::uint8_t> square = first_picture((folder / "square.mp4").string(), width, height);
  EXPECT_EQ(first_picture((folder / "wide.mp4").string(), width, height), square);
  EXPECT_EQ(width, kWidth);
  EXPECT_EQ(height, kHeight);
  EXPECT_EQ(inspect(folder / "wide.mp4").width, kWidth);
}

}  // namespace
}  // namespace trecvit::video
