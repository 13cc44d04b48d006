// Launches of sizes that no GPU of the test machine need hold: what grows with a tensor never leaves CUDA's grid.
#include <gtest/gtest.h>

#include "kernels/causal_conv1d/plan.h"

namespace trecvit::kernels {
namespace {

TEST(LaunchPlan, ChunksOfTheConvolutionFitTheGridForAnyNumberOfFramesAndRows) {
  for (const std::int64_t frames : {1, 3, 63, 64, 65, 4096, 1 << 22, (1 << 22) + 1, 1 << 28, 1 << 30}) {
    for (const std::int64_t vectors : {1, 2, 5, 300, 1 << 18, 1 << 19}) {
      const std::int64_t chunk = conv_chunk_frames(frames, vectors), chunks = (frames + chunk - 1) / chunk;
      EXPECT_LE(chunks, kMostBlocksY) << frames << " frames, " << vectors << " vectors";
      EXPECT_GE(chunk * chunks, frames);
      EXPECT_LT(chunk * (chunks - 1), frames);
    }
  }
}

TEST(LaunchPlan, FewFramesAreOneChunk) {
  EXPECT_EQ(conv_chunk_frames(16, 1), 16);
  EXPECT_EQ(conv_chunk_frames(1000, 1 << 20), 1000);
  EXPECT_EQ(conv_chunk_frames(256, 1 << 17), 128);
}

}  // namespace
}  // namespace trecvit::kernels
