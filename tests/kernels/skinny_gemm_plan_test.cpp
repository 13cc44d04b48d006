// The plans of the product of few rows: none that would wait for itself, and every one fits.
#include "kernels/matmul/skinny_gemm_plan.h"

#include <gtest/gtest.h>

namespace trecvit::kernels::skinny_gemm {
namespace {

constexpr std::int64_t kH100 = 232448;  // bytes of shared memory to a block

void expect_sound(const Plan& plan, std::int64_t inner, std::int64_t shared_memory) {
  if (plan.groups == 0) return;
  EXPECT_EQ(plan.ranks * plan.pieces * kInner, inner);
  EXPECT_LE(plan.pieces, kMostPieces);
  EXPECT_GE(plan.stages, std::min(plan.pieces, 2));
  EXPECT_LE(plan.stages, plan.pieces);
  EXPECT_LE(plan.bytes(), shared_memory - kLeft);
}

TEST(SkinnyGemmPlan, IsSoundForAllSizesAndSharedMemories) {
  int found = 0;
  for (std::int64_t shared_memory = 8 << 10; shared_memory <= kH100; shared_memory += 4 << 10) {
    for (const std::int64_t rows : {1, 72, 73, 197, 272, 408}) {
      for (const std::int64_t columns : {64, 768, 3072}) {
        for (std::int64_t inner = kInner; inner <= 4096; inner += kInner) {
          const Plan plan = plan_for(rows, columns, inner, 132, shared_memory);
          found += plan.groups > 0;
          expect_sound(plan, inner, shared_memory);
        }
      }
    }
  }
  EXPECT_GT(found, 10000);
}

TEST(SkinnyGemmPlan, OneStageIsRefusedUnlessThereIsOnePiece) {
  EXPECT_FALSE((Plan{.groups = 9, .ranks = 1, .pieces = 2, .stages = 1}.runs()));
  EXPECT_FALSE((Plan{.groups = 9, .ranks = 1, .pieces = 1, .stages = 0}.runs()));
  EXPECT_TRUE((Plan{.groups = 9, .ranks = 1, .pieces = 1, .stages = 1}.runs()));
  EXPECT_TRUE((Plan{.groups = 9, .ranks = 1, .pieces = 12, .stages = 2}.runs()));
}

// Memory for the weights of four pieces and one stage, and a byte less than for two.
TEST(SkinnyGemmPlan, WithoutRoomForTwoStagesThereIsNoPlan) {
  const Plan two{.groups = 9, .ranks = 1, .pieces = 4, .stages = 2};
  constexpr std::int64_t kColumnsOfAll = 132 * kColumns;  // no multiprocessors left for a cluster
  EXPECT_EQ(plan_for(72, kColumnsOfAll, 4 * kInner, 132, two.bytes() + kLeft).stages, 2);
  EXPECT_EQ(plan_for(72, kColumnsOfAll, 4 * kInner, 132, two.bytes() + kLeft - 1).groups, 0);
}

// The products of TRecViT-B's frame on an H100 have the plans that were measured (docs/benchmarks.md).
TEST(SkinnyGemmPlan, ServesTheProductsOfAFrame) {
  for (const auto& [columns, inner] : {std::pair{3072, 768}, {768, 1536}, {2304, 768}, {768, 768}, {768, 3072}})
    EXPECT_GT(plan_for(197, columns, inner, 132, kH100).stages, 2) << columns << " x " << inner;
}

}  // namespace
}  // namespace trecvit::kernels::skinny_gemm
