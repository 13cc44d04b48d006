// The arithmetic of convert(): separable resampling of three components, colour matrix, RGB bytes. Internal to
// data/video.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/video/picture.h"
#include "data/video/triangle.h"

namespace trecvit::video {

struct ResampleJob {
  const Picture* picture = nullptr;
  const Triangle* horizontal[3] = {};  // per component: columns
  const Triangle* vertical[3] = {};    // rows
  int width = 0, height = 0;       // output, in the orientation of the source
  // Output pixel (column i, row j) goes to rgb[3 * (origin + i * column_step + j * row_step)].
  std::uint8_t* rgb = nullptr;
  std::ptrdiff_t origin = 0, column_step = 0, row_step = 0;
};

// All give the same bytes: no fused multiply-add is used.
enum class Lanes { kFour = 4, kEight = 8, kSixteen = 16 };

// The widest that this processor has.
Lanes widest_lanes();

// One per instruction set; `columns`: room for the used columns of each component, rounded up to 16, times the lanes.
void resample_avx2(const ResampleJob& job, float* const columns[3]);
void resample_avx512(const ResampleJob& job, float* const columns[3]);

// `scratch` grows as needed and may be used again.
void resample(const ResampleJob& job, Lanes lanes, std::vector<float>& scratch);

}  // namespace trecvit::video
