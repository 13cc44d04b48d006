#include "data/video/rgb.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/video/picture.h"
#include "data/video/resample.h"
#include "data/video/triangle.h"

namespace trecvit::video {
namespace {

// A view in the orientation of the stored picture, and where its pixels go.
struct Placement {
  View part;
  int columns = 0, rows = 0;  // output pixels along the stored picture's axes
  std::ptrdiff_t origin = 0, column_step = 0, row_step = 0;
};

// Displayed pixel (x, y) of a picture of w x h stored pixels shows the stored pixel
//   90: (y, h - 1 - x)   180: (w - 1 - x, h - 1 - y)   270: (w - 1 - y, x)
// and of a mirrored one the same of (displayed width - 1 - x, y).
Placement place(const Frame& frame, const View& view, int width, int height) {
  constexpr double kSlack = 1e-6;  // of a pixel: views are computed in floating point
  ensure(width > 0 && height > 0 && view.width > 0 && view.height > 0 && view.x >= -kSlack && view.y >= -kSlack &&
             view.x + view.width <= frame.width + kSlack && view.y + view.height <= frame.height + kSlack,
         "the view ", view.x, ",", view.y, " ", view.width, " x ", view.height, " does not fit a picture of ",
         frame.width, " x ", frame.height);
  Placement p{.part = view, .columns = width, .rows = height};
  if (frame.mirrored) {
    p.part.x = frame.width - view.x - view.width;
    p.part.flip = !view.flip;
  }
  const bool turned = frame.rotation % 180 != 0;
  if (turned) {
    std::swap(p.part.x, p.part.y);
    std::swap(p.part.width, p.part.height);
    std::swap(p.columns, p.rows);
  }
  if (frame.rotation == 90 || frame.rotation == 180) p.part.y = frame.picture->height - p.part.y - p.part.height;
  if (frame.rotation == 180 || frame.rotation == 270) p.part.x = frame.picture->width - p.part.x - p.part.width;
  const bool right_to_left = (frame.rotation == 90 || frame.rotation == 180) != p.part.flip;
  const bool bottom_up = frame.rotation == 180 || frame.rotation == 270;
  const std::ptrdiff_t along_x = right_to_left ? -1 : 1, along_y = bottom_up ? -width : width;
  p.origin = (right_to_left ? width - 1 : 0) + (bottom_up ? static_cast<std::ptrdiff_t>(width) * (height - 1) : 0);
  p.column_step = turned ? along_y : along_x;
  p.row_step = turned ? along_x : along_y;
  return p;
}

double position(double at, double site, double spacing) { return (at - site) / spacing + 0.5; }

Axis horizontal_axis(const Component& part, const Placement& placed) {
  return {.source = part.width,
          .out = placed.columns,
          .start = position(placed.part.x, part.site_x, part.spacing_x),
          .length = placed.part.width / part.spacing_x};
}

Axis vertical_axis(const Component& part, const Placement& placed) {
  return {.source = part.height,
          .out = placed.rows,
          .start = position(placed.part.y, part.site_y, part.spacing_y),
          .length = placed.part.height / part.spacing_y};
}

// The samples of a component that some views need.
struct Window {
  int left = std::numeric_limits<int>::max(), top = left, right = 0, bottom = 0;

  void include(const Component& part, const Placement& placed) {
    const Triangle& columns = triangle(horizontal_axis(part, placed));
    left = std::min(left, columns.low);
    right = std::max(right, columns.high);
    const Triangle& rows = triangle(vertical_axis(part, placed));
    top = std::min(top, rows.low);
    bottom = std::max(bottom, rows.high);
  }
  std::size_t samples() const {
    return static_cast<std::size_t>(right - left) * static_cast<std::size_t>(bottom - top);
  }
};

// Copies a window of a component behind the others, without gaps between its samples.
kernels::ConvertComponent append(const Component& part, const Window& window, std::vector<std::uint8_t>& samples) {
  constexpr std::size_t kAlignment = 16;
  samples.resize((samples.size() + kAlignment - 1) / kAlignment * kAlignment);
  const int bytes = part.wide ? 2 : 1, width = window.right - window.left, height = window.bottom - window.top;
  const kernels::ConvertComponent kept{.at = static_cast<std::int64_t>(samples.size()),
                                       .stride = width * bytes,
                                       .spacing = bytes,
                                       .wide = part.wide,
                                       .width = width,
                                       .height = height};
  for (int y = window.top; y < window.bottom; ++y) {
    const std::uint8_t* row = part.data + part.stride * y + static_cast<std::ptrdiff_t>(part.step) * window.left;
    if (part.step == bytes) {
      samples.insert(samples.end(), row, row + kept.stride);
      continue;
    }
    for (int x = 0; x < width; ++x, row += part.step) samples.insert(samples.end(), row, row + bytes);
  }
  return kept;
}

kernels::ConvertAxis relative(const Axis& axis, int first) {
  return {.start = axis.start - first, .step = axis.length / axis.out};
}

// Of RGB pixels of the right size.
kernels::ConvertPicture copy_of(std::size_t at, int width, int height) {
  kernels::ConvertPicture picture{.columns = width, .rows = height, .row_step = width};
  for (int c = 0; c < 3; ++c) {
    picture.component[c] = {
        .at = static_cast<std::int64_t>(at) + c, .stride = 3 * width, .spacing = 3, .width = width, .height = height};
    picture.matrix[c][c] = 1;
  }
  return picture;
}

}  // namespace

View whole(const Frame& frame) {
  return {.width = static_cast<double>(frame.width), .height = static_cast<double>(frame.height)};
}

void convert(const Frame& frame, const View& view, int out_width, int out_height, std::uint8_t* rgb) {
  const Placement placed = place(frame, view, out_width, out_height);
  const Picture picture = describe(*frame.picture);
  ResampleJob job{.picture = &picture,
                  .width = placed.columns,
                  .height = placed.rows,
                  .rgb = rgb,
                  .origin = placed.origin,
                  .column_step = placed.column_step,
                  .row_step = placed.row_step};
  const bool mirrored = placed.column_step == -1;
  if (mirrored) {  // filter backwards rather than store backwards
    job.origin -= out_width - 1;
    job.column_step = 1;
  }
  for (int c = 0; c < picture.components; ++c) {
    const Component& part = picture.component[static_cast<std::size_t>(c)];
    Axis columns = horizontal_axis(part, placed);
    columns.reversed = mirrored;
    job.horizontal[c] = &triangle(columns);
    job.vertical[c] = &triangle(vertical_axis(part, placed));
  }
  static const Lanes lanes = widest_lanes();
  thread_local std::vector<float> scratch;
  resample(job, lanes, scratch);
}

void extract_planes(const Frame& frame, std::span<const View> views, int out_width, int out_height, std::size_t most_bytes,
          std::vector<std::uint8_t>& samples, kernels::ConvertPicture* pictures) {
  const Picture picture = describe(*frame.picture);
  Window windows[3];
  std::size_t bytes = 0;
  for (int c = 0; c < picture.components; ++c) {
    const Component& part = picture.component[static_cast<std::size_t>(c)];
    for (const View& view : views) windows[c].include(part, place(frame, view, out_width, out_height));
    bytes += windows[c].samples() * (part.wide ? 2 : 1);
  }
  if (bytes > most_bytes) {
    for (std::size_t i = 0; i < views.size(); ++i) {
      const std::size_t at = samples.size();
      samples.resize(at + 3 * static_cast<std::size_t>(out_width) * static_cast<std::size_t>(out_height));
      convert(frame, views[i], out_width, out_height, &samples[at]);
      pictures[i] = copy_of(at, out_width, out_height);
    }
    return;
  }
  kernels::ConvertPicture kept{.components = picture.components};
  for (int c = 0; c < picture.components; ++c) {
    const auto k = static_cast<std::size_t>(c);
    kept.component[c] = append(picture.component[k], windows[c], samples);
  }
  for (std::size_t row = 0; row < 3; ++row) {
    std::copy(picture.matrix[row].begin(), picture.matrix[row].end(), kept.matrix[row]);
    kept.offset[row] = picture.offset[row];
  }
  for (std::size_t i = 0; i < views.size(); ++i) {
    const Placement placed = place(frame, views[i], out_width, out_height);
    kept.columns = placed.columns;
    kept.rows = placed.rows;
    kept.origin = static_cast<std::int32_t>(placed.origin);
    kept.column_step = static_cast<std::int32_t>(placed.column_step);
    kept.row_step = static_cast<std::int32_t>(placed.row_step);
    for (int c = 0; c < picture.components; ++c) {
      const Component& part = picture.component[static_cast<std::size_t>(c)];
      kept.component[c].horizontal = relative(horizontal_axis(part, placed), windows[c].left);
      kept.component[c].vertical = relative(vertical_axis(part, placed), windows[c].top);
    }
    pictures[i] = kept;
  }
}

}  // namespace trecvit::video
