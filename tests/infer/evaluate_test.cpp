// The figures of an evaluation: what counts as right, and what gives no figures at all.
#include "infer/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"

namespace trecvit {
namespace {

using testing::HasSubstr;

std::string refusal(EvalReport report, std::int64_t classes) {
  try {
    score(report, classes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Score, EqualProbabilitiesCountByClassIndex) {
  EvalReport report;
  report.predictions = {{.id = "a", .label = 0, .p = {0.5f, 0.5f}}, {.id = "b", .label = 1, .p = {0.5f, 0.5f}}};
  score(report, 2);
  EXPECT_EQ(report.n, 2);
  EXPECT_EQ(report.top1, 0.5);
  EXPECT_EQ(report.top5, 1);
  EXPECT_NEAR(report.loss, std::log(2.0), 1e-7);
}

// Nothing is larger than a NaN, so that by comparisons alone it would be every video's right answer.
TEST(Score, AnAnswerThatIsNotANumberIsAnErrorNamingTheVideo) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::int64_t label : {0, 1, -1}) {
      EvalReport report;
      report.predictions = {{.id = "17", .label = 0, .p = {0.5f, 0.5f}},
                            {.id = "18", .label = label, .p = {bad, 0.5f}}};
      EXPECT_THAT(refusal(report, 2), HasSubstr("video 18")) << bad << " " << label;
    }
  }
}

TEST(Score, WithoutOneAnsweredVideoThereAreNoFigures) {
  EvalReport report;
  Dataset dataset;
  dataset.split = "validation";
  dataset.samples.resize(2);
  report.bad = {{.sample = 0, .path = "x.mp4", .message = "x.mp4 does not exist"}};
  try {
    check_answered(report, dataset);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("none of the 2 videos"), HasSubstr("validation"),
                                             HasSubstr("x.mp4 does not exist")));
  }
  report.predictions.resize(1);
  EXPECT_NO_THROW(check_answered(report, dataset));
}

}  // namespace
}  // namespace trecvit
