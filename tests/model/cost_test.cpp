#include "model/cost.h"

#include <gtest/gtest.h>

namespace trecvit {
namespace {

// By hand for B at 224 pixels with R = 2C: 11,318,784 multiply-adds per token and pair of blocks, 197 tokens, 12 pairs;
// 196 patches of 768 numbers to 768 channels. With a classifier the last of 12 blocks spares 196 tokens a map of C x C
// and the MLP, 5,308,416 multiply-adds.
TEST(Cost, ForwardFlopsOfB) {
  ModelConfig config;
  config.resolve(224);
  EXPECT_EQ(forward_flops(config), 2 * (11'318'784.0 * 197 * 12 + 196.0 * 768 * 768));
  config.classes = 400;
  EXPECT_EQ(forward_flops(config),
            2 * (11'318'784.0 * 197 * 12 - 5'308'416.0 * 196 + 196.0 * 768 * 768 + 3072.0 * (768 + 400)));
}

}  // namespace
}  // namespace trecvit
