#include <gtest/gtest.h>

#include "rms_norm_problem.h"

namespace trecvit::kernels {
namespace {

template <class Io>
struct OnCpu {
  CpuLevel level;
  void forward(const RmsNormForward<Io>& p) const { rms_norm_forward_cpu(p, 0, rms_norm_cpu_tiles(p.rows), level); }
  void backward(RmsNormBackward<Io> p) const {
    std::vector<float> partials = poisoned<float>(rms_norm_cpu_partials(p.rows, p.channels));
    p.partials = partials.data();
    for (std::int64_t tile = rms_norm_cpu_tiles(p.rows) - 1; tile >= 0; --tile) {
      rms_norm_backward_cpu(p, tile, tile + 1, level);
    }
    rms_norm_reduce_cpu(p);
  }
};

class RmsNormCpu : public testing::TestWithParam<CpuLevel> {};

TEST_P(RmsNormCpu, MatchesTheReference) {
  if (GetParam() > cpu_level()) GTEST_SKIP() << "this processor lacks the instruction set";
  for (const RmsNormShape& shape : kRmsNormShapes) {
    expect_rms_norm_matches<float>(shape, OnCpu<float>{GetParam()}, 1e-6);
    expect_rms_norm_matches<Bf16>(shape, OnCpu<Bf16>{GetParam()}, 5e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, RmsNormCpu, testing::Values(CpuLevel::kBaseline, CpuLevel::kAvx2, CpuLevel::kAvx512));

}  // namespace
}  // namespace trecvit::kernels
