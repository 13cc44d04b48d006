#include "data/video/resample.h"

#include <algorithm>
#include <cstring>

#pragma GCC optimize("fp-contract=off")
#include "data/video/resample_lanes.h"

namespace trecvit::video {
namespace {

// Vectors of four lanes, for any processor.
struct Portable {
  static constexpr int kLanes = 4;
  typedef float F __attribute__((vector_size(16)));
  typedef std::int32_t I __attribute__((vector_size(16)));
  static F widen8(const std::uint8_t* from) {
    return F{static_cast<float>(from[0]), static_cast<float>(from[1]), static_cast<float>(from[2]),
             static_cast<float>(from[3])};
  }
  static F widen16(const std::uint8_t* from) {
    std::uint16_t s[4];
    std::memcpy(s, from, sizeof s);
    return F{static_cast<float>(s[0]), static_cast<float>(s[1]), static_cast<float>(s[2]), static_cast<float>(s[3])};
  }
  static I level(F value) {
    const F none = {}, most = none + 255.f;
    value += 0.5f;
    value = value > none ? value : none;
    value = value < most ? value : most;
    return __builtin_convertvector(value, I);
  }
  static void pack(I words, std::uint8_t* rgb) {
    for (int i = 0; i < kLanes; ++i) {
      const auto word = static_cast<std::uint32_t>(words[i]);
      rgb[3 * i] = static_cast<std::uint8_t>(word);
      rgb[3 * i + 1] = static_cast<std::uint8_t>(word >> 8);
      rgb[3 * i + 2] = static_cast<std::uint8_t>(word >> 16);
    }
  }
};

}  // namespace

Lanes widest_lanes() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512cd")) {
    return Lanes::kSixteen;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
    return Lanes::kEight;
  }
#endif
  return Lanes::kFour;
}

void resample(const ResampleJob& job, Lanes lanes, std::vector<float>& scratch) {
  // Per component, whole tiles of columns.
  constexpr std::size_t kWidest = 16;
  std::size_t sizes[3] = {}, total = 0;
  for (int c = 0; c < job.picture->components; ++c) {
    const auto used = static_cast<std::size_t>(job.horizontal[c]->high - job.horizontal[c]->low);
    sizes[c] = (used + kWidest - 1) / kWidest * kWidest * kWidest;
    total += sizes[c];
  }
  if (scratch.size() < total) scratch.resize(total);
  float* const columns[3] = {scratch.data(), scratch.data() + sizes[0], scratch.data() + sizes[0] + sizes[1]};
#if defined(__x86_64__)
  if (lanes == Lanes::kSixteen) return resample_avx512(job, columns);
  if (lanes == Lanes::kEight) return resample_avx2(job, columns);
#else
  (void)lanes;
#endif
  resample_lanes<Portable>(job, columns);
}

}  // namespace trecvit::video
