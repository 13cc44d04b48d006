// A block makes a tile of one picture. Where the filter's triangles lie is worked out once per column and row of the
// tile, in double, for positions in wide pictures would lose weight digits in fp32; then a thread sums one pixel.
// Neighbours share almost all samples, which come from the first-level cache.
#include "kernels/planes_to_rgb/planes_to_rgb_cuda.h"
#include "kernels/launch.h"

namespace trecvit::kernels {
namespace {

constexpr int kTileColumns = 32, kTileRows = 8, kThreads = kTileColumns * kTileRows;

// The samples of one output column or row: `count` from `first` on, of weight(0), weight(1), ...
struct Taps {
  int first, count;
  float from, slope, scale;  // from: of sample `first` to the centre
  __device__ float height(int t) const { return fmaxf(0.f, 1.f - fabsf(from + static_cast<float>(t)) * slope); }
  __device__ float weight(int t) const { return height(t) * scale; }
};

__device__ Taps taps_of(const ConvertAxis& axis, int samples, int k) {
  const double centre = axis.start + (k + 0.5) * axis.step, half_width = fmax(1.0, axis.step);
  const int first = min(max(static_cast<int>(floor(centre - half_width)), 0), samples - 1);
  const int last = min(max(static_cast<int>(ceil(centre + half_width)), first + 1), samples);
  Taps taps{first, last - first, static_cast<float>(first + 0.5 - centre), static_cast<float>(1 / half_width), 1.f};
  while (taps.count > 1 && taps.height(0) == 0.f) ++taps.first, --taps.count, taps.from += 1.f;
  while (taps.count > 1 && taps.height(taps.count - 1) == 0.f) --taps.count;
  float sum = 0.f;
  for (int t = 0; t < taps.count; ++t) sum += taps.height(t);
  if (sum == 0.f) taps.slope = 0.f, sum = static_cast<float>(taps.count);  // at or beyond the edge
  taps.scale = 1.f / sum;
  return taps;
}

template <class Sample>
__device__ float filtered(const std::uint8_t* samples, const ConvertComponent& from, const Taps& horizontal,
                          const Taps& vertical) {
  const std::uint8_t* row = samples + from.at + static_cast<std::int64_t>(vertical.first) * from.stride +
                            static_cast<std::int64_t>(horizontal.first) * from.spacing;
  float sum = 0.f;
  for (int v = 0; v < vertical.count; ++v, row += from.stride) {
    float line = 0.f;
    const std::uint8_t* at = row;
    for (int u = 0; u < horizontal.count; ++u, at += from.spacing) {
      line = fmaf(horizontal.weight(u), static_cast<float>(__ldg(reinterpret_cast<const Sample*>(at))), line);
    }
    sum = fmaf(vertical.weight(v), line, sum);
  }
  return sum;
}

__global__ __launch_bounds__(kThreads) void convert_tiles(const ConvertParams p, int tiles) {
  __shared__ Taps horizontal[3][kTileColumns], vertical[3][kTileRows];
  const std::int64_t number = blockIdx.x / tiles;
  const ConvertPicture& picture = p.picture[number];
  const int tile = blockIdx.x % tiles, tiles_across = (picture.columns + kTileColumns - 1) / kTileColumns;
  const int column0 = tile % tiles_across * kTileColumns, row0 = tile / tiles_across * kTileRows;
  if (row0 >= picture.rows) return;
  const int axis = threadIdx.x / (kTileColumns + kTileRows), k = threadIdx.x % (kTileColumns + kTileRows);
  if (axis < picture.components) {
    const ConvertComponent& from = picture.component[axis];
    if (k < kTileColumns) {
      horizontal[axis][k] = taps_of(from.horizontal, from.width, column0 + k);
    } else {
      vertical[axis][k - kTileColumns] = taps_of(from.vertical, from.height, row0 + k - kTileColumns);
    }
  }
  __syncthreads();
  const int x = threadIdx.x % kTileColumns, y = threadIdx.x / kTileColumns;
  if (column0 + x >= picture.columns || row0 + y >= picture.rows) return;
  float part[3] = {};
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    if (c >= picture.components) break;
    const ConvertComponent& from = picture.component[c];
    part[c] = from.wide ? filtered<std::uint16_t>(p.samples, from, horizontal[c][x], vertical[c][y])
                        : filtered<std::uint8_t>(p.samples, from, horizontal[c][x], vertical[c][y]);
  }
  const int pixel = picture.origin + (column0 + x) * picture.column_step + (row0 + y) * picture.row_step;
  std::uint8_t* rgb = p.rgb + (number * p.height * p.width + pixel) * 3;
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    const auto& m = picture.matrix[c];
    const float level = fmaf(m[0], part[0], fmaf(m[1], part[1], fmaf(m[2], part[2], picture.offset[c])));
    rgb[c] = static_cast<std::uint8_t>(fminf(fmaxf(level + 0.5f, 0.f), 255.f));
  }
}

}  // namespace

void convert_cuda(const ConvertParams& p, cudaStream_t stream) {
  if (p.pictures == 0) return;
  // Pictures differ in which of their sides is the longer; enough tiles for either.
  const std::int64_t tiles = ceil_div(p.width, kTileColumns) * ceil_div(p.height, kTileRows);
  const std::int64_t turned = ceil_div(p.height, kTileColumns) * ceil_div(p.width, kTileRows);
  const auto most = static_cast<int>(tiles > turned ? tiles : turned);
  convert_tiles<<<grid_of(p.pictures * most), kThreads, 0, stream>>>(p, most);
  check_launch("convert");
}

}  // namespace trecvit::kernels
