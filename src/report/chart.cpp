#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/text_table.h"
#include "data/video/picture_file.h"

namespace trecvit {
namespace {

constexpr int kWidth = 720, kHeight = 400;
constexpr int kLeft = 70, kRight = 20, kTop = 46, kBottom = 56;  // margins around the bars
const cv::Scalar kInk(40, 40, 40), kBar(62, 116, 168), kLine(225, 225, 225);

void write(cv::Mat& picture, const std::string& word, cv::Point at, double size = 0.45) {
  cv::putText(picture, word, at, cv::FONT_HERSHEY_SIMPLEX, size, kInk, 1, cv::LINE_AA);
}

std::string short_number(double value) {
  const double size = std::abs(value);
  if (size >= 1e6) return fixed(value / 1e6, 1) + "M";
  return fixed(value, value == std::round(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

// `low` and `high`: what the ends of the horizontal axis stand for.
void draw(const std::string& path, const std::string& title, const std::string& axis, double low, double high,
          const std::vector<double>& heights) {
  cv::Mat picture(kHeight, kWidth, CV_8UC3, cv::Scalar::all(255));
  const double top = std::max(1e-9, heights.empty() ? 1 : *std::max_element(heights.begin(), heights.end()));
  const int across = kWidth - kLeft - kRight, down = kHeight - kTop - kBottom, base = kHeight - kBottom;
  write(picture, title, {kLeft, 28}, 0.55);
  for (int k = 0; k <= 4; ++k) {
    const int y = base - down * k / 4;
    cv::line(picture, {kLeft, y}, {kWidth - kRight, y}, kLine);
    write(picture, short_number(top * k / 4), {8, y + 5});
    write(picture, short_number(low + (high - low) * k / 4), {kLeft + across * k / 4 - 12, base + 20});
  }
  write(picture, axis, {kLeft, base + 42});
  for (std::size_t i = 0; i < heights.size(); ++i) {
    const auto count = static_cast<double>(heights.size());
    const int from = kLeft + static_cast<int>(across * static_cast<double>(i) / count);
    const int to = kLeft + static_cast<int>(across * static_cast<double>(i + 1) / count);
    const int gap = to - from > 4 ? 2 : 1;
    const auto height = static_cast<int>(std::lround(down * heights[i] / top));
    if (height > 0) cv::rectangle(picture, {from, base - height}, {std::max(from, to - gap), base}, kBar, cv::FILLED);
  }
  cv::line(picture, {kLeft, base}, {kWidth - kRight, base}, kInk);
  video::write_picture(path, {picture.data, picture.total() * 3}, kWidth, kHeight);
}

}  // namespace

void write_histogram(const std::string& path, const std::string& title, const std::string& unit,
                     const std::vector<double>& values) {
  constexpr int kSteps = 40;
  double low = 0, high = 1;
  if (!values.empty()) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    low = *least;
    high = *most > *least ? *most : *least + 1;
  }
  std::vector<double> counts(kSteps, 0);
  for (const double value : values) {
    const auto step = static_cast<int>((value - low) / (high - low) * kSteps);
    ++counts[static_cast<std::size_t>(std::clamp(step, 0, kSteps - 1))];
  }
  draw(path, title, unit, low, high, counts);
}

void write_bars(const std::string& path, const std::string& title, const std::string& axis,
                const std::vector<double>& heights) {
  draw(path, title, axis, 0, static_cast<double>(heights.size()), heights);
}

}  // namespace trecvit
