#include "data/video/convert.h"

#include <algorithm>
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
  bool mirrored = false;      // columns run from right to left
  std::ptrdiff_t origin = 0, column_step = 0, row_step = 0;
};

// Displayed pixel (x, y) of a picture of w x h stored pixels shows the stored pixel
//   90: (y, h - 1 - x)   180: (w - 1 - x, h - 1 - y)   270: (w - 1 - y, x)
Placement place(const Frame& frame, const View& view, int width, int height, int stored_width, int stored_height) {
  Placement p{.part = view, .columns = width, .rows = height};
  const bool turned = frame.rotation % 180 != 0;
  if (turned) {
    std::swap(p.part.x, p.part.y);
    std::swap(p.part.width, p.part.height);
    std::swap(p.columns, p.rows);
  }
  if (frame.rotation == 90 || frame.rotation == 180) p.part.y = stored_height - p.part.y - p.part.height;
  if (frame.rotation == 180 || frame.rotation == 270) p.part.x = stored_width - p.part.x - p.part.width;
  const bool right_to_left = (frame.rotation == 90 || frame.rotation == 180) != view.flip;
  const bool bottom_up = frame.rotation == 180 || frame.rotation == 270;
  const std::ptrdiff_t along_x = right_to_left ? -1 : 1, along_y = bottom_up ? -width : width;
  p.origin = (right_to_left ? width - 1 : 0) + (bottom_up ? static_cast<std::ptrdiff_t>(width) * (height - 1) : 0);
  p.column_step = turned ? along_y : along_x;
  p.row_step = turned ? along_x : along_y;
  if (p.column_step == -1) {  // filter backwards rather than store backwards
    p.mirrored = true;
    p.origin -= width - 1;
    p.column_step = 1;
  }
  return p;
}

}  // namespace

View whole(const Frame& frame) {
  return {.width = static_cast<double>(frame.width), .height = static_cast<double>(frame.height)};
}

void convert(const Frame& frame, const View& view, int out_width, int out_height, std::uint8_t* rgb) {
  constexpr double kSlack = 1e-6;  // of a pixel: views are computed in floating point
  ensure(out_width > 0 && out_height > 0 && view.width > 0 && view.height > 0 && view.x >= -kSlack &&
             view.y >= -kSlack && view.x + view.width <= frame.width + kSlack &&
             view.y + view.height <= frame.height + kSlack,
         "the view ", view.x, ",", view.y, " ", view.width, " x ", view.height, " does not fit a picture of ",
         frame.width, " x ", frame.height);
  const AVFrame& stored = *frame.picture;
  const Picture picture = describe(stored);
  const Placement placed = place(frame, view, out_width, out_height, stored.width, stored.height);
  ResampleJob job{.picture = &picture,
                  .width = placed.columns,
                  .height = placed.rows,
                  .rgb = rgb,
                  .origin = placed.origin,
                  .column_step = placed.column_step,
                  .row_step = placed.row_step};
  for (int c = 0; c < picture.components; ++c) {
    const Component& part = picture.component[static_cast<std::size_t>(c)];
    const auto position = [](double at, double site, double spacing) { return (at - site) / spacing + 0.5; };
    job.across[c] = &triangle({.source = part.width,
                               .out = placed.columns,
                               .start = position(placed.part.x, part.site_x, part.spacing_x),
                               .length = placed.part.width / part.spacing_x,
                               .reversed = placed.mirrored});
    job.down[c] = &triangle({.source = part.height,
                             .out = placed.rows,
                             .start = position(placed.part.y, part.site_y, part.spacing_y),
                             .length = placed.part.height / part.spacing_y});
  }
  static const Lanes lanes = widest_lanes();
  thread_local std::vector<float> scratch;
  resample(job, lanes, scratch);
}

}  // namespace trecvit::video
