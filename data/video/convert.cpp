#include "data/video/convert.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "data/video/libav.h"

namespace trecvit::video {

View whole(const Frame& frame) {
  return {.width = static_cast<double>(frame.width), .height = static_cast<double>(frame.height)};
}

namespace {
struct Taps {
  int first = 0;
  std::vector<float> weights;
};
std::vector<Taps> triangle(double start, double length, int source, int out) {
  std::vector<Taps> all(static_cast<std::size_t>(out));
  const double scale = length / out, half = std::max(1.0, scale);
  for (int i = 0; i < out; ++i) {
    const double centre = start + (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(std::floor(centre - half)));
    const int last = std::min(source, static_cast<int>(std::ceil(centre + half)));
    Taps& taps = all[static_cast<std::size_t>(i)];
    taps.first = first;
    double sum = 0;
    for (int j = first; j < last; ++j) sum += std::max(0.0, 1 - std::abs(j + 0.5 - centre) / half);
    for (int j = first; j < last; ++j) {
      taps.weights.push_back(static_cast<float>(std::max(0.0, 1 - std::abs(j + 0.5 - centre) / half) / sum));
    }
  }
  return all;
}
}  // namespace

void convert(const Frame& frame, const View& view, int out_width, int out_height, std::uint8_t* rgb) {
  const AVFrame& p = *frame.picture;
  Handle<SwsContext> scaler(sws_getContext(p.width, p.height, static_cast<AVPixelFormat>(p.format), p.width, p.height,
                                           AV_PIX_FMT_RGB24, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT,
                                           nullptr, nullptr, nullptr));
  if (!scaler) throw Error("pictures of this pixel format cannot be converted");
  std::vector<std::uint8_t> full(static_cast<std::size_t>(p.width) * p.height * 3);
  std::uint8_t* planes[] = {full.data()};
  const int strides[] = {p.width * 3};
  sws_scale(scaler.get(), p.data, p.linesize, 0, p.height, planes, strides);
  const auto xs = triangle(view.x, view.width, frame.width, out_width);
  const auto ys = triangle(view.y, view.height, frame.height, out_height);
  const auto pixel = [&](int x, int y) {
    int sx = x, sy = y;
    if (frame.rotation == 90) sx = y, sy = p.height - 1 - x;
    if (frame.rotation == 180) sx = p.width - 1 - x, sy = p.height - 1 - y;
    if (frame.rotation == 270) sx = p.width - 1 - y, sy = x;
    return &full[(static_cast<std::size_t>(sy) * p.width + sx) * 3];
  };
  for (int y = 0; y < out_height; ++y) {
    for (int x = 0; x < out_width; ++x) {
      const Taps& h = xs[static_cast<std::size_t>(view.flip ? out_width - 1 - x : x)];
      const Taps& v = ys[static_cast<std::size_t>(y)];
      float sum[3] = {0, 0, 0};
      for (std::size_t j = 0; j < v.weights.size(); ++j) {
        for (std::size_t i = 0; i < h.weights.size(); ++i) {
          const std::uint8_t* from = pixel(h.first + static_cast<int>(i), v.first + static_cast<int>(j));
          const float weight = v.weights[j] * h.weights[i];
          for (int c = 0; c < 3; ++c) sum[c] += weight * from[c];
        }
      }
      for (int c = 0; c < 3; ++c) *rgb++ = static_cast<std::uint8_t>(std::clamp(sum[c] + 0.5f, 0.f, 255.f));
    }
  }
}

}  // namespace trecvit::video
