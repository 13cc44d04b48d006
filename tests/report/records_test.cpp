// Records of a run are read back as they were, also from a file that a kill cut off.
#include "report/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/file.h"

namespace trecvit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Compares all fields by their one definition.
template <class Record>
void expect_equal(const Record& a, const Record& b) {
  std::vector<std::string> one, other;
  for_each_field(a, [&](const std::string& name, const auto& field, const char*) {
    one.push_back(name + records::to_field(field).dump());
  });
  for_each_field(b, [&](const std::string& name, const auto& field, const char*) {
    other.push_back(name + records::to_field(field).dump());
  });
  EXPECT_EQ(one, other);
}

template <class Record>
void expect_round_trip(const Record& record) {
  const std::string line = to_line(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  Record back;
  ASSERT_TRUE(from_line(line, back)) << line;
  expect_equal(record, back);
  EXPECT_EQ(to_line(back), line);
}

const TrainRecord kTrain{
    .step = 120, .epoch = 1.5, .loss = 0.1, .lr = 3e-4, .grad_norm = 12.75, .clips_per_s = 310.4, .data_wait = 1.0 / 3};

TEST(Records, EveryKindComesBackBitForBit) {
  expect_round_trip(kTrain);
  expect_round_trip(TrainRecord{});
  expect_round_trip(MetricsRecord{
      .step = 3, .top1 = 2.0 / 3, .top5 = 1, .mean_class = 0.1, .n = 24777, .missing = 2, .loss = 1e-300});
  expect_round_trip(PredictionRecord{.id = "7\"8\n<&>", .label = 3, .p = {0.1, 1e-9, 0.30000000000000004}});
  expect_round_trip(PredictionRecord{});
  expect_round_trip(BadVideoRecord{
      .step = 1, .epoch = 2, .split = "train", .id = "x", .path = "/a b/c.webm", .error = "it is empty"});
  expect_round_trip(RunEnvironment{.version = "0.1.0",
                                   .commit = "abc",
                                   .torch = "2.11.0",
                                   .device = "cuda:0",
                                   .gpu = "H100",
                                   .host = "m",
                                   .started = "2026-11-24T23:00:00Z",
                                   .threads = 2,
                                   .parameters = 108'000'000,
                                   .world_size = 8});
}

TEST(Records, LinesHaveTheNamesThatScriptsRelyOn) {
  EXPECT_EQ(to_line(TrainRecord{
                .step = 2, .epoch = 0.5, .loss = 1.25, .lr = 0.001, .grad_norm = 3, .clips_per_s = 8, .data_wait = 0}),
            R"({"step":2,"epoch":0.5,"loss":1.25,"lr":0.001,"grad_norm":3.0,"clips_per_s":8.0,"data_wait":0.0})");
  EXPECT_EQ(
      to_line(MetricsRecord{.step = 9, .top1 = 0.5, .top5 = 1, .mean_class = 0.5, .n = 4, .missing = 1, .loss = 2}),
      R"({"step":9,"top1":0.5,"top5":1.0,"mean_class":0.5,"n":4,"missing":1,"loss":2.0})");
  EXPECT_EQ(to_line(PredictionRecord{.id = "17", .label = 1, .p = {0.25, 0.75}}),
            R"({"id":"17","label":1,"p":[0.25,0.75]})");
  EXPECT_EQ(
      to_line(BadVideoRecord{.step = 1, .epoch = 0, .split = "train", .id = "4", .path = "4.webm", .error = "empty"}),
      R"({"step":1,"epoch":0,"split":"train","id":"4","path":"4.webm","error":"empty"})");
}

TEST(Records, NumbersThatAreNotFiniteBecomeNullAndComeBackAsNaN) {
  TrainRecord record = kTrain;
  record.loss = std::numeric_limits<double>::infinity();
  record.grad_norm = std::nan("");
  const std::string line = to_line(record);
  EXPECT_THAT(line, HasSubstr("\"loss\":null"));
  TrainRecord back;
  ASSERT_TRUE(from_line(line, back));
  EXPECT_TRUE(std::isnan(back.loss) && std::isnan(back.grad_norm));
  EXPECT_EQ(back.lr, kTrain.lr);
}

TEST(Records, UnknownKeysAreIgnoredAndMissingOnesKeepTheirDefaults) {
  TrainRecord record;
  ASSERT_TRUE(from_line(R"({"step": 7, "gpu_busy": [1, {"a": null}], "loss": 2})", record));
  EXPECT_EQ(record.step, 7);
  EXPECT_EQ(record.loss, 2);
  EXPECT_TRUE(std::isnan(record.lr));
}

TEST(Records, AFieldOfAnotherTypeIsNoRecord) {
  TrainRecord train;
  for (const char* line : {R"({"step": "7"})", R"({"step": 7.5})", R"({"step": 18446744073709551615})",
                           R"({"loss": "low"})", "[1]", "7", "", "null", "{\"step\": 7"}) {
    EXPECT_FALSE(from_line(line, train)) << line;
  }
  PredictionRecord prediction;
  EXPECT_FALSE(from_line(R"({"p": [0.5, "x"]})", prediction));
}

TEST(Records, ALineCutOffByAKillIsCountedAndTheOthersRead) {
  const std::string line = to_line(kTrain);
  const std::string text = line + "\n" + line + "\n";
  for (std::size_t cut = 1; cut < line.size(); ++cut) {
    const auto file = parse_records<TrainRecord>(text + line.substr(0, cut));
    ASSERT_EQ(file.records.size(), 2u);
    EXPECT_EQ(file.broken, 1);
    EXPECT_TRUE(file.cut_off);
  }
  const auto whole = parse_records<TrainRecord>(text + line);
  EXPECT_EQ(whole.records.size(), 3u) << "only the end of the line is missing";
  EXPECT_EQ(whole.broken, 0);
  const auto middle = parse_records<TrainRecord>(line + "\n{\"step\": 1, \"lo\r\n\n  \n" + line + "\n");
  EXPECT_EQ(middle.records.size(), 2u);
  EXPECT_EQ(middle.broken, 1);
  EXPECT_FALSE(middle.cut_off);
  EXPECT_TRUE(parse_records<TrainRecord>("").records.empty());
}

TEST(Records, BytesThatAreNotUtf8AreReplacedAndNothingThrows) {
  const BadVideoRecord bad{.id = "caf\xE9", .path = "/v/\xFF\xFE.mp4", .error = "M\xC3\xBCll"};
  BadVideoRecord back;
  ASSERT_TRUE(from_line(to_line(bad), back));
  EXPECT_EQ(back.id, "caf\xEF\xBF\xBD");
  EXPECT_EQ(back.error, "M\xC3\xBCll");
  EXPECT_EQ(parse_records<BadVideoRecord>("{\"id\": \"caf\xE9\"}\n").broken, 1);
  EXPECT_EQ(parse_records<BadVideoRecord>(std::string("\0\0\0\n", 4)).broken, 1);
}

TEST(Records, AFileIsAppendedLineByLineAndReadBack) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / text("trecvit_records_", ::getpid(), ".jsonl");
  {
    LineLog log(path);
    for (int i = 0; i < 3; ++i) log.line(to_line(MetricsRecord{.step = i, .top1 = i / 3.0}));
  }
  const auto file = read_records<MetricsRecord>(path);
  std::filesystem::remove(path);
  std::vector<std::int64_t> steps;
  for (const auto& record : file.records) steps.push_back(record.step);
  EXPECT_THAT(steps, ElementsAre(0, 1, 2));
  EXPECT_THROW(read_records<MetricsRecord>(path), Error);
}

}  // namespace
}  // namespace trecvit
