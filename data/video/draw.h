// Drawing on RGB frames: boxes, bars, text, points, lines. Everything is clipped at the frame's edges; coordinates may
// lie anywhere, and what is not finite is left out.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trecvit::video {

using Rgb = std::array<std::uint8_t, 3>;

struct Point {
  double x = 0, y = 0;  // pixels; (0, 0) is the corner of the first pixel, its centre is (0.5, 0.5)
};

struct Box {
  double x = 0, y = 0, width = 0, height = 0;  // pixels
};

// Twelve colours that are told apart on dark and light frames; then they repeat.
Rgb palette(std::size_t index);

// Draws on pixels that belong to the caller.
class Canvas {
 public:
  // rgb: [height, width, 3].
  Canvas(std::span<std::uint8_t> rgb, int width, int height);

  int width() const { return width_; }
  int height() const { return height_; }

  void fill_box(const Box& box, Rgb colour, double opacity = 1);
  void outline_box(const Box& box, Rgb colour, int thickness = 1);  // inside the box's edges

  void point(Point centre, double radius, Rgb colour);                    // a disc
  void ring(Point centre, double radius, Rgb colour, int thickness = 1);  // its outline
  void polyline(std::span<const Point> points, Rgb colour, int thickness = 1);

  // `height`: pixels of a capital letter. Characters outside ASCII are drawn as '?'. `at`: the left end of the base
  // line. A dark edge keeps the text legible on any ground.
  void text(std::string_view words, Point at, double height, Rgb colour);

  // A horizontal bar over a dim track, its label on it: `share` (0..1) of the box is filled.
  void bar(const Box& box, double share, std::string_view label, Rgb colour);

 private:
  std::uint8_t* rgb_;
  int width_, height_;
};

// Width in pixels of what Canvas::text() draws.
double text_width(std::string_view words, double height);

// The longest beginning of `words` that is at most `width` pixels wide, with ".." where something was cut off. ASCII.
std::string fit_text(std::string_view words, double height, double width);

// Picks the height of a capital letter for a frame: legible from 112 to 2160 pixels.
double text_height(int frame_height);

// The answers to a frame, for an overlay.
struct FrameAnswers {
  std::vector<std::string> labels;    // best first
  std::vector<double> probabilities;  // 0..1, one for each label
  std::string status;                 // one line such as "12.3 ms, 81 frames/s"; may be empty
};

// Draws a bar for each label that has room in the lower part of the frame, and the status at the top.
void draw_answers(Canvas& canvas, const FrameAnswers& answers);

}  // namespace trecvit::video
