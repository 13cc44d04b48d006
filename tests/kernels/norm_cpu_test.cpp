#include <gtest/gtest.h>

#include "norm_problem.h"

namespace trecvit::kernels {
namespace {

template <class Io>
struct OnCpu {
  CpuLevel level;
  void forward(const NormForward<Io>& p) const { norm_forward_cpu(p, 0, norm_cpu_tiles(p.rows), level); }
  void backward(NormBackward<Io> p) const {
    std::vector<float> partials = poisoned<float>(norm_cpu_partials(p.rows, p.channels));
    p.partials = partials.data();
    for (std::int64_t tile = norm_cpu_tiles(p.rows) - 1; tile >= 0; --tile) norm_backward_cpu(p, tile, tile + 1, level);
    norm_reduce_cpu(p);
  }
};

class NormCpu : public testing::TestWithParam<CpuLevel> {};

TEST_P(NormCpu, MatchesTheReference) {
  if (GetParam() > cpu_level()) GTEST_SKIP() << "this processor lacks the instruction set";
  expect_norms_match<float>(OnCpu<float>{GetParam()}, 2e-6);
  expect_norms_match<Bf16>(OnCpu<Bf16>{GetParam()}, 5e-3);
}

INSTANTIATE_TEST_SUITE_P(Levels, NormCpu, testing::Values(CpuLevel::kBaseline, CpuLevel::kAvx2, CpuLevel::kAvx512));

}  // namespace
}  // namespace trecvit::kernels
