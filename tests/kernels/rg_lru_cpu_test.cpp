#include <gtest/gtest.h>

#include <tuple>

#include "rg_lru_problem.h"

namespace trecvit::kernels {
namespace {

template <class Io>
struct OnCpu {
  CpuLevel level = cpu_level();
  void forward(const RgLruForward<Io>& p) const {
    rg_lru_forward_cpu(p, 0, rg_lru_cpu_tiles(p.rows, p.channels), level);
  }
  void backward(RgLruBackward<Io> p) const {
    std::vector<float> partials = poisoned<float>(rg_lru_cpu_partials(p.rows, p.channels));
    p.partials = partials.data();
    // One tile at a time, last first: tiles must not depend on one another.
    for (std::int64_t tile = rg_lru_cpu_tiles(p.rows, p.channels) - 1; tile >= 0; --tile) {
      rg_lru_backward_cpu(p, tile, tile + 1, level);
    }
    rg_lru_reduce_cpu(p);
  }
};

class RgLruCpu : public testing::TestWithParam<std::tuple<CpuLevel, RgLruCase>> {
 protected:
  void SetUp() override {
    if (std::get<0>(GetParam()) > cpu_level()) GTEST_SKIP() << "this processor lacks the instruction set";
  }
};

TEST_P(RgLruCpu, Fp32MatchesTheReference) {
  const auto& [level, shape] = GetParam();
  expect_rg_lru_matches<float>(shape, OnCpu<float>{level}, 1e-5);
}

TEST_P(RgLruCpu, Bf16MatchesTheReference) {
  const auto& [level, shape] = GetParam();
  expect_rg_lru_matches<Bf16>(shape, OnCpu<Bf16>{level}, 1e-2);
}

INSTANTIATE_TEST_SUITE_P(
    Levels, RgLruCpu,
    testing::Combine(testing::Values(CpuLevel::kBaseline, CpuLevel::kAvx2, CpuLevel::kAvx512),
                     testing::Values(RgLruCase{.frames = 1, .rows = 1, .channels = 1},
                                     RgLruCase{.frames = 2, .rows = 3, .channels = 5, .gated = false},
                                     RgLruCase{.frames = 7, .rows = 9, .channels = 24, .reset = false},
                                     RgLruCase{.frames = 16, .rows = 17, .channels = 33, .h0 = false},
                                     RgLruCase{.frames = 3, .rows = 2, .channels = 515},
                                     RgLruCase{.frames = 129, .rows = 1, .channels = 7, .strided = true})));

}  // namespace
}  // namespace trecvit::kernels
