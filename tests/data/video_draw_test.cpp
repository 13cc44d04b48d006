// Drawings lie where they should, and nothing is written outside the frame.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data/video/draw.h"

namespace trecvit::video {
namespace {

// A grey frame inside a larger buffer whose rim must stay as it is.
struct Paper {
  int width, height;
  std::vector<std::uint8_t> bytes;
  static constexpr std::size_t kRim = 4096;

  Paper(int w, int h) : width(w), height(h), bytes(static_cast<std::size_t>(w * h * 3) + 2 * kRim, 100) {}
  Canvas canvas() { return {std::span(bytes).subspan(kRim, bytes.size() - 2 * kRim), width, height}; }
  Rgb at(int x, int y) const {
    const std::size_t place = kRim + static_cast<std::size_t>((y * width + x) * 3);
    return {bytes[place], bytes[place + 1], bytes[place + 2]};
  }
  int changed() const {
    int count = 0;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) count += at(x, y) != Rgb{100, 100, 100};
    }
    return count;
  }
  bool rim_is_whole() const {
    for (std::size_t i = 0; i < kRim; ++i) {
      if (bytes[i] != 100 || bytes[bytes.size() - 1 - i] != 100) return false;
    }
    return true;
  }
};

TEST(VideoDraw, FilledBoxesCoverExactlyTheirPixels) {
  Paper paper(20, 10);
  paper.canvas().fill_box({3, 2, 4, 5}, {200, 0, 50});
  EXPECT_EQ(paper.changed(), 20);
  EXPECT_EQ(paper.at(3, 2), (Rgb{200, 0, 50}));
  EXPECT_EQ(paper.at(6, 6), (Rgb{200, 0, 50}));
  EXPECT_EQ(paper.at(7, 6), (Rgb{100, 100, 100}));
  Paper half(4, 4);
  half.canvas().fill_box({0, 0, 4, 4}, {200, 0, 100}, 0.5);
  EXPECT_EQ(half.at(2, 2), (Rgb{150, 50, 100}));
}

TEST(VideoDraw, OutlinesStayInsideTheirBox) {
  Paper paper(20, 12);
  paper.canvas().outline_box({2, 3, 8, 6}, {0, 255, 0}, 1);
  EXPECT_EQ(paper.changed(), 2 * 8 + 2 * 4);
  EXPECT_EQ(paper.at(2, 3), (Rgb{0, 255, 0}));
  EXPECT_EQ(paper.at(9, 8), (Rgb{0, 255, 0}));
  EXPECT_EQ(paper.at(5, 5), (Rgb{100, 100, 100}));
}

TEST(VideoDraw, PointsLieAroundTheirCentre) {
  Paper paper(32, 32);
  paper.canvas().point({10.5, 20.5}, 3, {255, 0, 0});
  EXPECT_EQ(paper.at(10, 20), (Rgb{255, 0, 0}));
  EXPECT_EQ(paper.at(12, 20), (Rgb{255, 0, 0}));
  EXPECT_EQ(paper.at(15, 20), (Rgb{100, 100, 100}));
  EXPECT_EQ(paper.at(20, 10), (Rgb{100, 100, 100})) << "x and y are not mixed up";
  Paper ring(32, 32);
  ring.canvas().ring({16.5, 16.5}, 8, {255, 0, 0});
  EXPECT_EQ(ring.at(16, 16), (Rgb{100, 100, 100}));
  EXPECT_GT(ring.at(24, 16)[0], 180);
}

TEST(VideoDraw, PolylinesJoinTheirPoints) {
  Paper paper(32, 32);
  const Point points[] = {{2.5, 2.5}, {20.5, 2.5}, {20.5, 30.5}};
  paper.canvas().polyline(points, {0, 0, 255});
  for (int x = 3; x < 20; ++x) EXPECT_GT(paper.at(x, 2)[2], 230) << x;
  for (int y = 3; y < 30; ++y) EXPECT_GT(paper.at(20, y)[2], 230) << y;
  EXPECT_EQ(paper.at(10, 15), (Rgb{100, 100, 100}));
}

TEST(VideoDraw, EverythingIsClippedAtTheEdges) {
  const double far = 1e18, inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const double places[] = {-far, -1e6, -40000, -30, -1, 0, 7, 15.9, 16, 40, 40000, 1e6, far, inf, -inf, nan};
  Paper paper(16, 12);
  Canvas canvas = paper.canvas();
  for (const double x : places) {
    for (const double y : places) {
      const Point corner{x, y}, line[] = {{4, 4}, {x, y}, {y, x}};
      for (const double size : {-1.0, 0.0, 3.0, 1e9, inf, nan}) {
        canvas.fill_box({x, y, size, size}, {255, 0, 0}, 0.5);
        canvas.outline_box({x, y, size, size}, {255, 0, 0}, 2);
        canvas.bar({x, y, size, std::min(size, 20.0)}, x, "label", {0, 255, 0});
      }
      canvas.point(corner, 5, {255, 255, 0});
      canvas.ring(corner, 1e5, {255, 255, 0}, 3);
      canvas.polyline(line, {0, 0, 255}, 2);
      canvas.text("text", corner, 8, {255, 255, 255});
    }
  }
  EXPECT_TRUE(paper.rim_is_whole());
  Paper beyond(16, 12);
  beyond.canvas().fill_box({-10, -10, 12, 12}, {255, 0, 0});
  EXPECT_EQ(beyond.changed(), 4);
}

TEST(VideoDraw, TextIsLegibleOnAnyGroundAndOfTheHeightAskedFor) {
  for (const std::uint8_t ground : {0, 128, 255}) {
    Paper paper(200, 60);
    paper.canvas().fill_box({0, 0, 200, 60}, {ground, ground, ground});
    paper.canvas().text("HI", {10, 45}, 30, {255, 255, 255});
    int top = 60, bottom = 0, light = 0, dark = 0;
    for (int y = 0; y < 60; ++y) {
      for (int x = 0; x < 60; ++x) {
        if (paper.at(x, y) == Rgb{255, 255, 255} && ground != 255) {
          top = std::min(top, y);
          bottom = std::max(bottom, y);
        }
        light += paper.at(x, y)[0] > 200;
        dark += paper.at(x, y)[0] < 60;
      }
    }
    EXPECT_GT(light, 150) << "letters";
    EXPECT_GT(dark, 100) << "their edge or the ground";
    if (ground != 255) {
      EXPECT_NEAR(bottom - top + 1, 30, 5);
    }
  }
}

TEST(VideoDraw, TextThatIsNotAsciiBecomesQuestionMarks) {
  EXPECT_EQ(fit_text("\xC3\xBC"
                     "ben \xE6\xAD\xA9 \xF0\x9F\x8E\xAC!",
                     10, 1e6),
            "?ben ? ?!");
  EXPECT_EQ(fit_text("\xFF\xFE broken \xC3", 10, 1e6), "?? broken ?");
  EXPECT_EQ(fit_text(std::string_view("a\0b\x7F\nc", 6), 10, 1e6), "a?b? c");
  Paper paper(64, 48);
  paper.canvas().text("\xFF\xC3\xBC\xF0", {4, 30}, 12, {255, 255, 255});
  EXPECT_GT(paper.changed(), 20);
}

TEST(VideoDraw, TextIsCutToTheWidthThatThereIs) {
  const std::string label = "Pretending to put something underneath something";
  for (const double width : {0.0, 10.0, 60.0, 200.0, 2000.0}) {
    const std::string cut = fit_text(label, 10, width);
    EXPECT_LE(text_width(cut, 10), width);
    EXPECT_EQ(cut == label, width == 2000);
    EXPECT_TRUE(width != 200 || cut.ends_with("..")) << cut;
  }
}

TEST(VideoDraw, BarsAreAsLongAsTheirShare) {
  for (const auto& [share, filled] :
       {std::pair{0.0, 0}, {0.25, 25}, {1.0, 100}, {7.0, 100}, {-1.0, 0}, {std::nan(""), 0}}) {
    Paper paper(100, 10);
    paper.canvas().bar({0, 0, 100, 10}, share, "", {255, 0, 0});
    int red = 0;
    for (int x = 0; x < 100; ++x) red += paper.at(x, 5)[0] > 150;
    EXPECT_EQ(red, filled);
  }
}

TEST(VideoDraw, AnswersFitFramesFrom112To1080PixelsAndLeaveHalfThePicture) {
  const FrameAnswers answers{
      .labels = {"Moving something up", "M\xC3\xBCnze <drehen> & \"zeigen\"", "Turning [something]", "x", "y", "z"},
      .probabilities = {0.71, 0.2, 0.05, 0.02, std::nan(""), 0.01},
      .status = "12.3 ms, 81 frames/s"};
  for (const auto& [width, height] :
       {std::pair{112, 112}, {96, 72}, {320, 240}, {427, 240}, {1920, 1080}, {240, 427}, {16, 16}, {1, 1}}) {
    Paper paper(width, height);
    Canvas canvas = paper.canvas();
    draw_answers(canvas, answers);
    EXPECT_TRUE(paper.rim_is_whole());
    if (height < 72) continue;
    int untouched = 0;
    for (int y = 0; y < height; ++y) untouched += paper.at(width - 1, y) == Rgb{100, 100, 100};
    EXPECT_EQ(untouched, height) << "a margin stays";
    EXPECT_GT(width * height - paper.changed(), width * height * 35 / 100) << width << " x " << height;
    EXPECT_EQ(paper.at(width / 2, height * 2 / 5), (Rgb{100, 100, 100})) << "the middle stays free";
  }
}

}  // namespace
}  // namespace trecvit::video
