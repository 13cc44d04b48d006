// The loops of resample(), over a policy S with the vectors of one instruction set. Included only by resample_*.cpp,
// each after its `#pragma GCC target`, hence the unnamed namespace: every copy stays in its file.
//
// Note [Row lanes]: a block of L output rows is worked on at once, one row per vector lane. Rows are filtered downwards
// with lanes along the row (contiguous loads), the tile is transposed, and then the filter horizontal, whose taps begin at
// irregular columns, reads whole vectors too: column x of all L rows lies together. The colour matrix gives L pixels of
// one column as 32-bit words; a second transposition gives rows again.
//
// S: kLanes; vectors F of float and I of int32; widen8, widen16 (samples to F), level (F in 0..255 to rounded I,
// clamped).
#pragma once

#include <algorithm>
#include <cstring>

#include "data/video/resample.h"

namespace trecvit::video {
namespace {

template <class V>
inline V load(const void* from) {
  V value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <int L, class V>
inline void interleave(const V& a, const V& b, V& low, V& high) {
  if constexpr (L == 4) {
    low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  } else if constexpr (L == 8) {
    low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    high = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  } else {
    low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    high = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
}

// In place, L x L: interleaving the halves log2(L) times moves element (r, c) to (c, r).
template <int L, class V>
inline void transpose(V* rows) {
  V other[L];
#pragma GCC unroll 4
  for (int round = 1; round < L; round *= 4) {
#pragma GCC unroll 16
    for (int i = 0; i < L / 2; ++i) interleave<L>(rows[i], rows[i + L / 2], other[2 * i], other[2 * i + 1]);
    if (round * 2 >= L) {
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) rows[i] = other[i];
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < L / 2; ++i) interleave<L>(other[i], other[i + L / 2], rows[2 * i], rows[2 * i + 1]);
    }
  }
}

template <class S, class Sample>
inline typename S::F samples(const std::uint8_t* from) {
  if constexpr (sizeof(Sample) == 1) {
    return S::widen8(from);
  } else {
    return S::widen16(from);
  }
}

// Samples at `from`, `from + step`, ...: `count` of them, the rest zero.
template <class S, class Sample>
inline typename S::F samples(const std::uint8_t* from, int step, int count) {
  float values[S::kLanes] = {};
  for (int i = 0; i < count; ++i) {
    Sample sample;
    std::memcpy(&sample, from + static_cast<std::ptrdiff_t>(i) * step, sizeof sample);
    values[i] = sample;
  }
  return load<typename S::F>(values);
}

// Rows j0 .. j0 + L - 1 of the output (the last one again beyond the end), filtered downwards, transposed:
// [columns][L]. kTaps: the number of taps when it is small, so that the compiler unrolls; 0: any.
template <class S, class Sample, int kTaps>
void filter_vertical(const Component& part, const Triangle& vertical, const Triangle& horizontal, int j0, int height,
                 float* columns) {
  using F = typename S::F;
  constexpr int L = S::kLanes;
  const int taps = kTaps > 0 ? kTaps : vertical.taps;
  const std::uint8_t* rows[L];
  const float* weights[L];
  for (int r = 0; r < L; ++r) {
    const auto j = static_cast<std::size_t>(std::min(j0 + r, height - 1));
    rows[r] = part.data + part.stride * vertical.first[j];
    weights[r] = &vertical.weights[j * static_cast<std::size_t>(taps)];
  }
  const bool packed = part.step == static_cast<int>(sizeof(Sample)) && part.width >= L;
  for (int x = horizontal.low; x < horizontal.high; x += L) {
    // The last tile of a row begins earlier, so as not to read beyond the row; what it then computes twice is skipped.
    const int begin = packed ? std::min(x, part.width - L) : x;
    const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(begin) * part.step;
    F tile[L];
    if (packed) {
#pragma GCC unroll 16
      for (int r = 0; r < L; ++r) {
        const std::uint8_t* from = rows[r] + offset;
        F sum = weights[r][0] * samples<S, Sample>(from);
#pragma GCC unroll 4
        for (int t = 1; t < taps; ++t) sum += weights[r][t] * samples<S, Sample>(from + t * part.stride);
        tile[r] = sum;
      }
    } else {
      const int count = std::min(L, horizontal.high - x);
      for (int r = 0; r < L; ++r) {
        const std::uint8_t* from = rows[r] + offset;
        F sum = {};
        for (int t = 0; t < taps; ++t)
          sum += weights[r][t] * samples<S, Sample>(from + t * part.stride, part.step, count);
        tile[r] = sum;
      }
    }
    transpose<L>(tile);
    float* to = columns + static_cast<std::ptrdiff_t>(x - horizontal.low) * L;
    if (begin == x) {
      std::memcpy(to, tile, sizeof tile);
    } else {
      std::memcpy(to, tile + (x - begin), static_cast<std::size_t>(L - (x - begin)) * sizeof(F));
    }
  }
}

template <class S, class Sample>
void filter_vertical(const Component& part, const Triangle& vertical, const Triangle& horizontal, int j0, int height,
                 float* columns) {
  switch (vertical.taps) {
    case 1:
      return filter_vertical<S, Sample, 1>(part, vertical, horizontal, j0, height, columns);
    case 2:
      return filter_vertical<S, Sample, 2>(part, vertical, horizontal, j0, height, columns);
    case 3:
      return filter_vertical<S, Sample, 3>(part, vertical, horizontal, j0, height, columns);
    case 4:
      return filter_vertical<S, Sample, 4>(part, vertical, horizontal, j0, height, columns);
    default:
      return filter_vertical<S, Sample, 0>(part, vertical, horizontal, j0, height, columns);
  }
}

// Output columns i0 .. i0 + count - 1 of L rows.
template <class S, int kTaps>
inline void filter_horizontal(const Triangle& horizontal, const float* columns, int i0, int count, typename S::F* out) {
  using F = typename S::F;
  const int taps = kTaps > 0 ? kTaps : horizontal.taps;
  const float* weights = &horizontal.weights[static_cast<std::size_t>(i0) * static_cast<std::size_t>(taps)];
  const int* first = &horizontal.first[static_cast<std::size_t>(i0)];
  for (int i = 0; i < count; ++i, weights += taps) {
    const float* from = columns + static_cast<std::ptrdiff_t>(first[i] - horizontal.low) * S::kLanes;
    F sum = weights[0] * load<F>(from);
#pragma GCC unroll 4
    for (int t = 1; t < taps; ++t) sum += weights[t] * load<F>(from + t * S::kLanes);
    out[i] = sum;
  }
}

template <class S>
void filter_horizontal(const Triangle& horizontal, const float* columns, int i0, int count, typename S::F* out) {
  switch (horizontal.taps) {
    case 1:
      return filter_horizontal<S, 1>(horizontal, columns, i0, count, out);
    case 2:
      return filter_horizontal<S, 2>(horizontal, columns, i0, count, out);
    case 3:
      return filter_horizontal<S, 3>(horizontal, columns, i0, count, out);
    case 4:
      return filter_horizontal<S, 4>(horizontal, columns, i0, count, out);
    default:
      return filter_horizontal<S, 0>(horizontal, columns, i0, count, out);
  }
}

// Pixels (i0 .., j0 ..): `tile` holds one column of L rows per vector.
template <class S>
inline void store(const ResampleJob& job, typename S::I* tile, int i0, int j0) {
  constexpr int L = S::kLanes;
  const int columns = std::min(L, job.width - i0), rows = std::min(L, job.height - j0);
  std::uint8_t* corner = job.rgb + 3 * (job.origin + i0 * job.column_step + j0 * job.row_step);
  transpose<L>(tile);
  for (int r = 0; r < rows; ++r) {
    std::uint8_t* row = corner + 3 * r * job.row_step;
    if (columns == L && job.column_step == 1) {
      S::pack(tile[r], row);
      continue;
    }
    std::uint32_t words[L];
    std::memcpy(words, &tile[r], sizeof words);
    for (int c = 0; c < columns; ++c) {
      std::uint8_t* pixel = row + 3 * c * job.column_step;
      pixel[0] = static_cast<std::uint8_t>(words[c]);
      pixel[1] = static_cast<std::uint8_t>(words[c] >> 8);
      pixel[2] = static_cast<std::uint8_t>(words[c] >> 16);
    }
  }
}

template <class S>
void resample_lanes(const ResampleJob& job, float* const columns[3]) {
  using F = typename S::F;
  using I = typename S::I;
  constexpr int L = S::kLanes;
  const Picture& picture = *job.picture;
  const auto& m = picture.matrix;
  const auto& o = picture.offset;
  F part[3][L] = {};  // of a grey picture the second and third stay zero
  for (int j0 = 0; j0 < job.height; j0 += L) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(picture.components); ++c) {
      const auto filter = picture.component[c].wide ? filter_vertical<S, std::uint16_t> : filter_vertical<S, std::uint8_t>;
      filter(picture.component[c], *job.vertical[c], *job.horizontal[c], j0, job.height, columns[c]);
    }
    for (int i0 = 0; i0 < job.width; i0 += L) {
      const int count = std::min(L, job.width - i0);
      for (int c = 0; c < picture.components; ++c) filter_horizontal<S>(*job.horizontal[c], columns[c], i0, count, part[c]);
      I tile[L];
      for (int i = 0; i < L; ++i) {
        const F &a = part[0][i], &b = part[1][i], &c = part[2][i];
        const I red = S::level(m[0][0] * a + m[0][1] * b + m[0][2] * c + o[0]);
        const I green = S::level(m[1][0] * a + m[1][1] * b + m[1][2] * c + o[1]);
        const I blue = S::level(m[2][0] * a + m[2][1] * b + m[2][2] * c + o[2]);
        tile[i] = red | green << 8 | blue << 16;
      }
      store<S>(job, tile, i0, j0);
    }
  }
}

}  // namespace
}  // namespace trecvit::video
