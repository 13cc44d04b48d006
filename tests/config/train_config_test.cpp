#include "config/train.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trecvit {
namespace {

using testing::AllOf;
using testing::HasSubstr;

template <class Change>
std::string refused(const Change& change) {
  Config config;
  config.model.variant = "mu";
  config.data.size = 32;
  change(config);
  try {
    config.finish();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TrainConfig, APictureThatClipsDoNotHaveIsRefused) {
  EXPECT_THAT(refused([](Config& c) { c.model.image_width = 64; }),
              AllOf(HasSubstr("model.image_width is 64"), HasSubstr("data.size is 32")));
  EXPECT_THAT(refused([](Config& c) { c.model.image_height = 16; }), HasSubstr("model.image_height is 16"));
  EXPECT_EQ(refused([](Config& c) { c.model.image_height = c.model.image_width = 32; }), "accepted");
}

TEST(TrainConfig, AnAutoEncoderOfOnePatchIsRefused) {
  const auto one_patch = [](const char* objective) {
    return refused([objective](Config& c) { c.data.size = 16, c.train.objective = objective; });
  };
  EXPECT_THAT(one_patch("mae"), AllOf(HasSubstr("at least 2"), HasSubstr("data.size"), HasSubstr("model.patch")));
  EXPECT_EQ(one_patch("classification"), "accepted");
}

}  // namespace
}  // namespace trecvit
