#include "data/datasets/check.h"

#include <gmock/gmock.h>

#include <array>

#include "data/datasets/official.h"
#include "synth_support.h"

namespace trecvit::data_test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

// The first 12 training videos of the small set.
struct Set {
  TempFolder folder;
  Dataset dataset;

  Set() {
    fs::copy(small_set("ssv2"), folder / "set", fs::copy_options::recursive);
    dataset = open_dataset(small_config(folder / "set"), "train");
    dataset.samples.resize(12);
  }
  fs::path video(int id) const { return folder / text("set/20bn-something-something-v2/", id, ".webm"); }
};

std::vector<std::string> kinds(const CheckReport& report) {
  std::vector<std::string> result;
  for (const Problem& problem : report.problems) result.push_back(text(problem.id, " ", problem_name(problem.kind)));
  return result;
}

TEST(Check, WholeSetHasNoProblems) {
  const Set set;
  const CheckReport report = check_dataset(set.dataset, {.full = true});
  EXPECT_EQ(report.videos, 12);
  EXPECT_EQ(report.usable, 12);
  EXPECT_TRUE(report.problems.empty()) << report.problems[0].sentence;
  EXPECT_EQ(report.official, 0);
  EXPECT_EQ(report.classes.smallest, 1);
  EXPECT_EQ(report.classes.largest, 1);
  EXPECT_GE(report.fewest_frames, 6);
  EXPECT_LE(report.most_frames, 9);
  EXPECT_GE(report.frames, 12 * 6);
}

TEST(Check, QuickFindsWhatCannotBeOpened) {
  Set set;
  fs::remove(set.video(2));
  fs::resize_file(set.video(3), 0);
  write_file(set.video(4), "not a video at all");
  fs::remove(set.video(5));
  fs::create_directory(set.video(5));
  set.dataset.samples[6] = set.dataset.samples[5];
  set.dataset.samples[7].label = -1;
  std::int64_t last = 0;
  const CheckReport report = check_dataset(set.dataset, {.workers = 3}, [&](std::int64_t done, std::int64_t total) {
    EXPECT_EQ(done, ++last);
    EXPECT_EQ(total, 12);
  });
  EXPECT_EQ(last, 12);
  EXPECT_THAT(kinds(report),
              ElementsAre("2 missing", "3 empty", "4 unreadable", "5 unreadable", "6 duplicate", "8 unlabelled"));
  EXPECT_EQ(report.usable, 8);
  EXPECT_EQ(report.classes.unlabelled, 1);
  EXPECT_EQ(report.classes.smallest, 0);
  EXPECT_EQ(report.problems[1].sample, 2);
  EXPECT_THAT(report.problems[0].sentence, HasSubstr("2.webm does not exist"));
}

TEST(Check, FullFindsDamageShortVideosAndCopies) {
  Set set;
  fs::resize_file(set.video(2), fs::file_size(set.video(2)) / 2);
  fs::remove(set.video(9));
  fs::copy_file(set.video(8), set.video(9));
  const CheckReport quick = check_dataset(set.dataset, {});
  EXPECT_TRUE(quick.problems.empty());
  for (const int workers : {1, 3}) {
    const CheckReport report = check_dataset(set.dataset, {.full = true, .workers = workers});
    EXPECT_THAT(kinds(report), ElementsAre("2 damaged", "9 duplicate"));
    EXPECT_EQ(report.usable, 11);
    EXPECT_THAT(report.problems[1].sentence, HasSubstr("8.webm"));
  }
  const CheckReport strict = check_dataset(set.dataset, {.full = true, .min_frames = 10});
  EXPECT_EQ(strict.problems.size(), 11u + 1u + 1u);
  EXPECT_THAT(strict.problems[0].sentence, HasSubstr("frames, fewer than 10"));
}

TEST(Check, FindsVideosOfOtherSplits) {
  Set set;
  Dataset other = set.dataset;
  other.split = "validation";
  other.samples.resize(4);
  fs::copy_file(set.video(7), set.folder / "copy.webm");
  other.samples[1].path = set.folder / "copy.webm";
  other.samples[2].path = set.folder / "set/20bn-something-something-v2/25.webm";
  other.samples[3].start_s = 0.1;  // a part is not the whole
  for (const bool full : {false, true}) {
    const CheckReport train = check_dataset(set.dataset, {.full = full});
    CheckReport validation = check_dataset(other, {.full = full});
    find_shared(set.dataset, train, other, validation);
    const std::vector<std::string> found = kinds(validation);
    if (full) {
      EXPECT_THAT(found, ElementsAre("1 shared", "2 shared"));
      EXPECT_THAT(validation.problems[1].sentence, testing::AllOf(HasSubstr("7.webm"), HasSubstr("split train")));
    } else {
      EXPECT_THAT(found, ElementsAre("1 shared"));
    }
  }
}

TEST(Check, KnowsOfficialCounts) {
  Dataset dataset;
  dataset.format = "ssv2";
  dataset.split = "validation";
  dataset.labels.assign(174, "x");
  EXPECT_EQ(check_dataset(dataset, {}).official, 24777);
  dataset.split = "all";
  EXPECT_EQ(check_dataset(dataset, {}).official, 0);
  EXPECT_EQ(coverage(dataset, 0), "");
  dataset.format = "kinetics";
  for (const auto& [classes, train, validation, test] :
       {std::array{400, 246535, 19907, 38686}, {600, 370582, 28313, 56618}, {700, 542352, 34125, 67433}}) {
    dataset.labels.assign(static_cast<std::size_t>(classes), "x");
    for (const auto& [split, videos] : {std::pair{"train", train}, {"validation", validation}, {"test", test}}) {
      dataset.split = split;
      EXPECT_EQ(official_videos(dataset), videos);
    }
  }
}

TEST(Check, SaysHowManyOfTheOfficialVideosAreHere) {
  Dataset dataset{.format = "kinetics", .split = "validation", .labels = std::vector<std::string>(400, "x")};
  dataset.samples.resize(19000);
  EXPECT_THAT(coverage(dataset, 18000),
              testing::AllOf(HasSubstr("validation: 18000 of the 19907 official videos are here, 90.4 %"),
                             HasSubstr("907 are not listed, 1000 not usable"), HasSubstr("go from YouTube")));
  dataset.samples.resize(20000);
  EXPECT_THAT(coverage(dataset, 18000), HasSubstr("18000 of the 20000 listed videos are here; the official list"));
  dataset = {.format = "ssv2", .split = "validation", .labels = std::vector<std::string>(174, "x")};
  dataset.samples.resize(24777);
  EXPECT_EQ(coverage(dataset, 24777), "validation: all 24777 official videos are here");
  EXPECT_EQ(coverage(dataset, 24776),
            "validation: 24776 of the 24777 official videos are here, 99.9 %; 0 are not listed, 1 not usable");
}

}  // namespace
}  // namespace trecvit::data_test
