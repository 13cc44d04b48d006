#include "data/transforms/clip_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace trecvit {
namespace {

cv::Mat frame_of(const ClipView& clip, std::int64_t t) { return {clip.height, clip.width, CV_8UC3, clip.frame(t)}; }

// Clips are parallel, not their pictures: threads of OpenCV's would only get in the way of the loader's.
const bool kAlone = [] {
  cv::setNumThreads(0);
  return true;
}();

}  // namespace

void map_levels(const ClipView& clip, const LevelMap& map) {
  cv::Mat table(1, 256, CV_8UC3);
  for (int level = 0; level < 256; ++level) {
    for (int c = 0; c < 3; ++c)
      table.at<cv::Vec3b>(0, level)[c] = map[static_cast<std::size_t>(c)][static_cast<std::size_t>(level)];
  }
  for (std::int64_t t = 0; t < clip.frames; ++t) {
    cv::Mat frame = frame_of(clip, t);
    cv::LUT(frame, table, frame);
  }
}

Histogram count_levels(const ClipView& clip) {
  Histogram counts{};
  for (std::int64_t t = 0; t < clip.frames; ++t) {
    const std::uint8_t* levels = clip.frame(t);
    for (std::size_t i = 0; i < clip.frame_bytes(); i += 3) {
      for (std::size_t c = 0; c < 3; ++c) ++counts[c][levels[i + c]];
    }
  }
  return counts;
}

void mix_colours(const ClipView& clip, const ColourMatrix& matrix) {
  const cv::Mat weights(3, 3, CV_64F, const_cast<double*>(matrix.data()));
  for (std::int64_t t = 0; t < clip.frames; ++t) {
    cv::Mat frame = frame_of(clip, t);
    cv::transform(frame, frame, weights);
  }
}

ColourMatrix saturation_matrix(double factor) {
  constexpr std::array<double, 3> kLuma = {0.299, 0.587, 0.114};
  ColourMatrix matrix;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column)
      matrix[row * 3 + column] = (row == column ? factor : 0) + (1 - factor) * kLuma[column];
  }
  return matrix;
}

ColourMatrix hue_matrix(double turns) {
  constexpr ColourMatrix kToYiq = {0.299, 0.587, 0.114, 0.5959, -0.2746, -0.3213, 0.2115, -0.5227, 0.3112};
  cv::Matx33d to_yiq;
  std::copy(kToYiq.begin(), kToYiq.end(), to_yiq.val);
  const double angle = 2 * std::numbers::pi * turns, cosine = std::cos(angle), sine = std::sin(angle);
  const cv::Matx33d turn(1, 0, 0, 0, cosine, -sine, 0, sine, cosine);
  const cv::Matx33d whole = to_yiq.inv() * turn * to_yiq;
  ColourMatrix matrix;
  std::copy(whole.val, whole.val + 9, matrix.begin());
  return matrix;
}

ColourMatrix product(const ColourMatrix& a, const ColourMatrix& b) {
  ColourMatrix result{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      for (std::size_t k = 0; k < 3; ++k) result[row * 3 + column] += a[row * 3 + k] * b[k * 3 + column];
    }
  }
  return result;
}

void sharpen(const ClipView& clip, double factor) {
  if (clip.width < 3 || clip.height < 3) return;
  const cv::Mat kernel = (cv::Mat_<float>(3, 3) << 1, 1, 1, 1, 5, 1, 1, 1, 1) / 13;
  const cv::Rect inside(1, 1, clip.width - 2, clip.height - 2);
  cv::Mat smooth;
  for (std::int64_t t = 0; t < clip.frames; ++t) {
    cv::Mat part = frame_of(clip, t)(inside);  // filter2D sees beyond a part's edges
    cv::filter2D(part, smooth, -1, kernel);
    cv::addWeighted(part, factor, smooth, 1 - factor, 0, part);
  }
}

void warp(const ClipView& clip, const Affine& m) {
  const double cx = (clip.width - 1) / 2.0, cy = (clip.height - 1) / 2.0;
  const cv::Matx23d source(m[0], m[1], m[2] + cx - m[0] * cx - m[1] * cy,  //
                           m[3], m[4], m[5] + cy - m[3] * cx - m[4] * cy);
  cv::Mat before;
  for (std::int64_t t = 0; t < clip.frames; ++t) {
    cv::Mat frame = frame_of(clip, t);
    frame.copyTo(before);
    cv::warpAffine(before, frame, source, frame.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_CONSTANT,
                   cv::Scalar::all(128));
  }
}

void fill_with_noise(const ClipView& clip, const Rectangle& where, Rng& rng) {
  const std::size_t row_bytes = static_cast<std::size_t>(where.width) * 3;
  std::vector<std::uint8_t> noise(row_bytes * static_cast<std::size_t>(where.height));
  for (std::uint8_t& level : noise) level = static_cast<std::uint8_t>(rng.bits());
  for (std::int64_t t = 0; t < clip.frames; ++t) {
    for (int y = 0; y < where.height; ++y) {
      const std::size_t at = static_cast<std::size_t>(where.y + y) * static_cast<std::size_t>(clip.width) +
                             static_cast<std::size_t>(where.x);
      std::memcpy(clip.frame(t) + at * 3, &noise[static_cast<std::size_t>(y) * row_bytes], row_bytes);
    }
  }
}

}  // namespace trecvit
