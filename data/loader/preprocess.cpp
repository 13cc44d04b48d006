#include "data/loader/preprocess.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "core/error.h"

namespace trecvit {

Crop evaluation_crop(std::int64_t crop, std::int64_t crops) {
  ensure(crop >= 0 && crop < crops, "crop ", crop, " of ", crops);
  const double place = crops == 1 ? 0.5 : static_cast<double>(crop) / static_cast<double>(crops - 1);
  return {.x = place, .y = place};
}

video::View place(const Crop& crop, int width, int height) {
  const double shorter = std::min(width, height);
  double across = crop.width * shorter, down = crop.height * shorter, x = crop.x, y = crop.y;
  if (!crop.shapes.empty()) {
    const auto sides = [&](const Crop::Shape& shape) {
      const double area = shape.area * width * height;
      return std::pair(std::sqrt(area * shape.aspect), std::sqrt(area / shape.aspect));
    };
    const auto fits = [&](const Crop::Shape& shape) {
      const auto [w, h] = sides(shape);
      return w <= width && h <= height;
    };
    const auto first = std::find_if(crop.shapes.begin(), crop.shapes.end(), fits);
    if (first == crop.shapes.end()) {
      across = down = shorter;
      x = y = 0.5;
    } else {
      std::tie(across, down) = sides(*first);
    }
  }
  return {.x = (width - across) * x, .y = (height - down) * y, .width = across, .height = down, .flip = crop.flip};
}

void Preprocess::operator()(const video::Frame& frame, const Crop& crop, std::uint8_t* rgb) const {
  video::convert(frame, place(crop, frame.width, frame.height), size_, size_, rgb);
}

void Preprocess::extract_planes(const video::Frame& frame, std::span<const Crop> crops, video::Planes& planes,
                      std::size_t at) const {
  // Times the bytes of the pixels. Copying saves little time beyond it (docs/benchmarks.md), and takes memory.
  constexpr std::size_t kMost = 3;
  std::vector<video::View> views;
  for (const Crop& crop : crops) views.push_back(place(crop, frame.width, frame.height));
  video::extract_planes(frame, views, size_, size_, kMost * views.size() * bytes(), planes.samples, &planes.pictures[at]);
}

}  // namespace trecvit
