// resample() for x86-64-v4 processors.
#include "data/video/resample.h"

#if defined(__x86_64__)
// Everything that must run on any processor is included before the target changes.
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <vector>

#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's intrinsics leave unused lanes so (bug 105593)
#pragma GCC optimize("fp-contract=off")
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#include "data/video/resample_lanes.h"

namespace trecvit::video {
namespace {

struct Avx512 {
  static constexpr int kLanes = 16;
  typedef float F __attribute__((vector_size(64)));
  typedef std::int32_t I __attribute__((vector_size(64)));
  static F widen8(const std::uint8_t* from) {
    return (F)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
  }
  static F widen16(const std::uint8_t* from) {
    return (F)_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
  }
  static I level(F value) {
    const __m512 most = _mm512_set1_ps(255.f), raised = (__m512)(value + 0.5f);
    return (I)_mm512_cvttps_epi32(_mm512_min_ps(_mm512_max_ps(raised, _mm512_setzero_ps()), most));
  }
  static void pack(I words, std::uint8_t* rgb) {
    const __m512i squeeze =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const __m512i join = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
    const __m512i bytes = _mm512_permutexvar_epi32(join, _mm512_shuffle_epi8((__m512i)words, squeeze));
    _mm512_mask_storeu_epi32(rgb, 0x0FFF, bytes);
  }
};

}  // namespace

void resample_avx512(const ResampleJob& job, float* const columns[3]) { resample_lanes<Avx512>(job, columns); }

}  // namespace trecvit::video
#endif
