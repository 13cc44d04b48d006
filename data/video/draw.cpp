#include "data/video/draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"

namespace trecvit::video {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kCapital = 21;  // pixels of this font's capitals at scale 1, thickness 0
constexpr int kShift = 4;        // OpenCV's fixed point: sixteenths of a pixel
constexpr double kFar = 30'000;  // OpenCV's fixed point holds this far beyond the frame

cv::Scalar scalar(Rgb colour) {
  return {static_cast<double>(colour[0]), static_cast<double>(colour[1]), static_cast<double>(colour[2])};
}

bool finite(Point p) { return std::isfinite(p.x) && std::isfinite(p.y); }

// OpenCV's pixel coordinates have the pixel's centre at whole numbers.
cv::Point fixed_point(Point p) {
  const auto place = [](double v) {
    return static_cast<int>(std::lround((std::clamp(v, -kFar, kFar) - 0.5) * (1 << kShift)));
  };
  return {place(p.x), place(p.y)};
}

// The text as this font can draw it: one '?' for each character (not byte) outside printable ASCII.
std::string printable(std::string_view words) {
  std::string ascii;
  for (const char c : words) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xC0) continue;  // the rest of a UTF-8 character
    ascii += byte >= 0x20 && byte < 0x7F ? c : byte == '\t' || byte == '\n' ? ' ' : '?';
  }
  return ascii;
}

int stroke(double height) { return std::max(1, static_cast<int>(std::lround(height / 9))); }

struct Range {
  int begin, end;
};
Range pixels(double from, double length, int limit) {
  const double to = from + length;
  const auto place = [&](double v) {
    return static_cast<int>(std::lround(std::clamp(v, 0.0, static_cast<double>(limit))));
  };
  return {place(from), place(to)};
}

bool drawable(const Box& box) {
  return std::isfinite(box.x) && std::isfinite(box.y) && std::isfinite(box.width) && std::isfinite(box.height) &&
         box.width > 0 && box.height > 0;
}

cv::Mat view(std::uint8_t* rgb, int width, int height) { return {height, width, CV_8UC3, rgb}; }

}  // namespace

Rgb palette(std::size_t index) {
  constexpr Rgb kColours[] = {{66, 165, 245},  {255, 167, 38}, {102, 187, 106}, {239, 83, 80},
                              {171, 71, 188},  {38, 198, 218}, {255, 238, 88},  {236, 64, 122},
                              {156, 204, 101}, {141, 110, 99}, {92, 107, 192},  {189, 189, 189}};
  return kColours[index % std::size(kColours)];
}

Canvas::Canvas(std::span<std::uint8_t> rgb, int width, int height) : rgb_(rgb.data()), width_(width), height_(height) {
  ensure(
      width > 0 && height > 0 && rgb.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3,
      "a canvas of ", width, " x ", height, " pixels came with ", rgb.size(), " bytes");
}

void Canvas::fill_box(const Box& box, Rgb colour, double opacity) {
  if (!drawable(box) || !(opacity > 0)) return;
  const Range across = pixels(box.x, box.width, width_), down = pixels(box.y, box.height, height_);
  const int share = static_cast<int>(std::lround(std::min(opacity, 1.0) * 256));
  for (int y = down.begin; y < down.end; ++y) {
    std::uint8_t* out = rgb_ + (static_cast<std::ptrdiff_t>(y) * width_ + across.begin) * 3;
    for (int x = across.begin; x < across.end; ++x, out += 3) {
      for (std::size_t c = 0; c < 3; ++c)
        out[c] = static_cast<std::uint8_t>((out[c] * (256 - share) + colour[c] * share + 128) >> 8);
    }
  }
}

void Canvas::outline_box(const Box& box, Rgb colour, int thickness) {
  if (!drawable(box) || thickness < 1) return;
  const double line = std::min({static_cast<double>(thickness), box.width / 2, box.height / 2});
  fill_box({box.x, box.y, box.width, line}, colour);
  fill_box({box.x, box.y + box.height - line, box.width, line}, colour);
  fill_box({box.x, box.y + line, line, box.height - 2 * line}, colour);
  fill_box({box.x + box.width - line, box.y + line, line, box.height - 2 * line}, colour);
}

void Canvas::point(Point centre, double radius, Rgb colour) {
  if (!finite(centre) || !(radius > 0)) return;
  cv::Mat picture = view(rgb_, width_, height_);
  const int size = static_cast<int>(std::lround(std::min(radius, kFar) * (1 << kShift)));
  cv::circle(picture, fixed_point(centre), size, scalar(colour), cv::FILLED, cv::LINE_AA, kShift);
}

void Canvas::ring(Point centre, double radius, Rgb colour, int thickness) {
  if (!finite(centre) || !(radius > 0) || thickness < 1) return;
  cv::Mat picture = view(rgb_, width_, height_);
  const int size = static_cast<int>(std::lround(std::min(radius, kFar) * (1 << kShift)));
  cv::circle(picture, fixed_point(centre), size, scalar(colour), std::min(thickness, 255), cv::LINE_AA, kShift);
}

void Canvas::polyline(std::span<const Point> points, Rgb colour, int thickness) {
  if (thickness < 1) return;
  cv::Mat picture = view(rgb_, width_, height_);
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (!finite(points[i - 1]) || !finite(points[i])) continue;
    cv::line(picture, fixed_point(points[i - 1]), fixed_point(points[i]), scalar(colour), std::min(thickness, 255),
             cv::LINE_AA, kShift);
  }
}

void Canvas::text(std::string_view words, Point at, double height, Rgb colour) {
  if (!finite(at) || !(height >= 1) || height > kFar) return;
  cv::Mat picture = view(rgb_, width_, height_);
  const std::string ascii = printable(words);
  const cv::Point origin(static_cast<int>(std::lround(std::clamp(at.x, -kFar, kFar))),
                         static_cast<int>(std::lround(std::clamp(at.y, -kFar, kFar))));
  const bool light = colour[0] * 3 + colour[1] * 6 + colour[2] > 1280;
  const cv::Scalar edge = cv::Scalar::all(light ? 0 : 255);
  cv::putText(picture, ascii, origin, kFont, height / kCapital, edge, stroke(height) + 2, cv::LINE_AA);
  cv::putText(picture, ascii, origin, kFont, height / kCapital, scalar(colour), stroke(height), cv::LINE_AA);
}

void Canvas::bar(const Box& box, double share, std::string_view label, Rgb colour) {
  if (!drawable(box)) return;
  const double filled = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0;
  fill_box(box, {0, 0, 0}, 0.65);
  fill_box({box.x, box.y, box.width * filled, box.height}, colour, 0.88);
  const double letters = box.height * 0.56, inset = box.height * 0.25;
  text(fit_text(label, letters, box.width - 2 * inset), {box.x + inset, box.y + (box.height + letters) / 2}, letters,
       {255, 255, 255});
}

double text_width(std::string_view words, double height) {
  if (words.empty()) return 0;
  int below = 0;
  return cv::getTextSize(printable(words), kFont, height / kCapital, stroke(height), &below).width;
}

std::string fit_text(std::string_view words, double height, double width) {
  std::string ascii = printable(words);
  if (text_width(ascii, height) <= width) return ascii;
  while (!ascii.empty() && text_width(ascii + "..", height) > width) ascii.pop_back();
  return ascii.empty() ? "" : ascii + "..";
}

double text_height(int frame_height) { return std::clamp(frame_height / 36.0, 6.0, 40.0); }

void draw_answers(Canvas& canvas, const FrameAnswers& answers) {
  ensure(answers.labels.size() == answers.probabilities.size(), "every label has a probability");
  const double letters = text_height(canvas.height());
  const double line = std::ceil(letters * 1.9), gap = std::max(1.0, std::round(letters * 0.25)),
               margin = std::round(letters * 0.7);
  const double width = std::min(canvas.width() - 2 * margin, std::max(letters * 26, canvas.width() * 0.45));
  if (!answers.status.empty()) {
    const std::string status = fit_text(answers.status, letters, canvas.width() - 4 * margin);
    canvas.fill_box({margin, margin, text_width(status, letters) + margin, line}, {0, 0, 0}, 0.55);
    canvas.text(status, {margin * 1.5, margin + (line + letters) / 2}, letters, {255, 255, 255});
  }
  // The picture stays the main thing: bars take at most half of it.
  const auto room = static_cast<std::size_t>(std::max(1.0, canvas.height() * 0.5 / (line + gap)));
  const std::size_t shown = std::min(answers.labels.size(), room);
  for (std::size_t i = 0; i < shown; ++i) {
    const double top = canvas.height() - margin - static_cast<double>(shown - i) * (line + gap) + gap;
    const double p = answers.probabilities[i];
    const std::string percent = std::isfinite(p) ? trecvit::text(std::lround(std::clamp(p, 0.0, 1.0) * 100), "%") : "?";
    const double inset = line * 0.25, column = text_width("100%", letters) + 2 * inset;
    const Box box{margin, top, width, line};
    // Green for the best answer, blue for the others.
    canvas.bar(box, p, fit_text(answers.labels[i], letters, width - column - 2 * inset),
               i == 0 ? Rgb{46, 125, 50} : Rgb{30, 95, 160});
    canvas.text(percent, {margin + width - inset - text_width(percent, letters), top + (line + letters) / 2}, letters,
                {255, 255, 255});
  }
}

}  // namespace trecvit::video
