// Run-time choice of instruction set, so that one portable binary uses AVX2 or AVX-512 where the processor has them.
//
// Note [Cpu levels]: a CPU kernel is a struct with a static, always inlined `run(params, begin, end)` of plain loops
// that the compiler vectorises. run_at() instantiates it once for each level. Levels differ in rounding (fused
// multiply-add), never in the order of a sum; on one machine the level is fixed, so results repeat bit for bit.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace trecvit::kernels {

enum class CpuLevel { kBaseline, kAvx2, kAvx512 };  // x86-64, x86-64-v3, x86-64-v4

// The best level of this machine.
inline CpuLevel cpu_level() {
#if defined(__x86_64__)
  static const CpuLevel level = __builtin_cpu_supports("x86-64-v4")   ? CpuLevel::kAvx512
                                : __builtin_cpu_supports("x86-64-v3") ? CpuLevel::kAvx2
                                                                      : CpuLevel::kBaseline;
  return level;
#else
  return CpuLevel::kBaseline;
#endif
}

#if defined(__x86_64__)
template <class Kernel, class Params>
[[gnu::target("arch=x86-64-v3")]] void run_avx2(const Params& params, std::int64_t begin, std::int64_t end) {
  Kernel::run(params, begin, end);
}
template <class Kernel, class Params>
[[gnu::target("arch=x86-64-v4,prefer-vector-width=512")]] void run_avx512(const Params& params, std::int64_t begin,
                                                                          std::int64_t end) {
  Kernel::run(params, begin, end);
}
#endif

#if defined(__x86_64__)
// While it lives, denormal numbers of this thread count as zero. The vectorised code meets them on ordinary inputs (the
// processor's flag says so), and with assists for them an Intel Xeon ran the RG-LRU four times slower.
class DenormalsAreZero {
 public:
  DenormalsAreZero() : before_(_mm_getcsr()) { _mm_setcsr(before_ | kFlush); }
  ~DenormalsAreZero() { _mm_setcsr(before_); }
  DenormalsAreZero(const DenormalsAreZero&) = delete;
  DenormalsAreZero& operator=(const DenormalsAreZero&) = delete;

 private:
  static constexpr unsigned kFlush = 0x8040;  // results (FTZ) and operands (DAZ)
  unsigned before_;
};
#endif

template <class Kernel, class Params>
void run_at(CpuLevel level, const Params& params, std::int64_t begin, std::int64_t end) {
#if defined(__x86_64__)
  const DenormalsAreZero guard;
  if (level == CpuLevel::kAvx512) return run_avx512<Kernel>(params, begin, end);
  if (level == CpuLevel::kAvx2) return run_avx2<Kernel>(params, begin, end);
#endif
  Kernel::run(params, begin, end);
}

}  // namespace trecvit::kernels
