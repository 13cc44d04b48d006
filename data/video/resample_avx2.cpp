// resample() for x86-64-v3 processors.
#include "data/video/resample.h"

#if defined(__x86_64__)
// Everything that must run on any processor is included before the target changes.
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <vector>

#pragma GCC optimize("fp-contract=off")
#pragma GCC target("arch=x86-64-v3")
#include "data/video/resample_lanes.h"

namespace trecvit::video {
namespace {

struct Avx2 {
  static constexpr int kLanes = 8;
  typedef float F __attribute__((vector_size(32)));
  typedef std::int32_t I __attribute__((vector_size(32)));
  static F widen8(const std::uint8_t* from) {
    return (F)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
  }
  static F widen16(const std::uint8_t* from) {
    return (F)_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
  }
  static I level(F value) {
    const __m256 most = _mm256_set1_ps(255.f), raised = (__m256)(value + 0.5f);
    return (I)_mm256_cvttps_epi32(_mm256_min_ps(_mm256_max_ps(raised, _mm256_setzero_ps()), most));
  }
  static void pack(I words, std::uint8_t* rgb) {
    const __m256i squeeze = _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1, 0, 1, 2, 4, 5, 6,
                                             8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    const __m256i join = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8((__m256i)words, squeeze), join);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rgb), _mm256_castsi256_si128(bytes));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(rgb + 16), _mm256_extracti128_si256(bytes, 1));
  }
};

}  // namespace

void resample_avx2(const ResampleJob& job, float* const columns[3]) { resample_lanes<Avx2>(job, columns); }

}  // namespace trecvit::video
#endif
