// Annotations and folders as they should not be: each ends in the right answer or in one sentence.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>

#include "data/datasets/check.h"
#include "data/datasets/csv.h"
#include "synth_support.h"
#include "unprivileged.h"

namespace trecvit::data_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal(const fs::path& root, const std::string& split = "train") {
  return error_of([&] { open(root, split); });
}

constexpr const char* kHeader = "label,youtube_id,time_start,time_end,split\n";

// Videos a/ b/ c/, annotations for all three.
struct Kinetics {
  TempFolder set;
  Kinetics() {
    fs::permissions(set.path(), fs::perms::all);
    std::string lines = kHeader;
    for (const char* name : {"a", "b", "c"}) {
      lines += text(name, ",", name, "bcdefghijk,0,10,train\n");
      set.write(file(name), "x");
    }
    set.write("annotations/train.csv", lines);
  }
  static std::string file(const std::string& name) {
    return text("train/", name, "/", name, "bcdefghijk_000000_000010.mp4");
  }
  std::vector<bool> there(const std::string& split = "train") const {
    std::vector<bool> found;
    for (const Sample& sample : open(set.path(), split).samples) found.push_back(fs::exists(sample.path));
    return found;
  }
};

TEST(HostileSets, AnUnreadableFolderCostsItsOwnVideosAlone) {
  const Kinetics kinetics;
  ::chmod((kinetics.set / "train/a").c_str(), 0);
  {
    const test::Unprivileged someone;
    EXPECT_THAT(kinetics.there(), ElementsAre(false, true, true));
  }
  ::chmod((kinetics.set / "train/a").c_str(), 0755);
  EXPECT_THAT(kinetics.there(), ElementsAre(true, true, true));
}

TEST(HostileSets, WhatFileSystemsLeaveIsNoVideoAndNoClass) {
  const Kinetics kinetics;
  fs::remove(kinetics.set / Kinetics::file("a"));
  kinetics.set.write("train/@eaDir/abcdefghijk_000000_000010.mp4/SYNOVIDEO_THUMB.jpg", "x");
  kinetics.set.write("annotations/._train.csv", "Mac OS X");
  EXPECT_THAT(kinetics.there(), ElementsAre(false, true, true));
  const TempFolder folder, hmdb;
  for (const char* name :
       {"train/run/a.mp4", "train/@eaDir/a.mp4", "train/run/._a.mp4", "train/run/@eaDir/a.mp4/x.mp4"})
    folder.write(name, "x");
  EXPECT_THAT(open(folder.path(), "train").labels, ElementsAre("run"));
  EXPECT_EQ(open(folder.path(), "train").samples.size(), 1u);
  hmdb.write("testTrainMulti_7030_splits/wave_test_split1.txt", "b.avi 1\n");
  hmdb.write("testTrainMulti_7030_splits/._wave_test_split1.txt", "Mac OS X");
  hmdb.write("hmdb51_org/wave/b.avi", "x");
  EXPECT_THAT(open(hmdb.path(), "train").labels, ElementsAre("wave"));
}

TEST(HostileSets, LinksInCirclesEnd) {
  const Kinetics kinetics;
  for (const char* name : {"train/a/up", "train/b/up", "train/c/up"})
    fs::create_directory_symlink("..", kinetics.set / name);
  EXPECT_THAT(kinetics.there(), ElementsAre(true, true, true));
  const TempFolder folder;
  folder.write("train/run/a.mp4", "x");
  fs::create_directory_symlink(".", folder / "train/run/again");
  EXPECT_EQ(open(folder.path(), "train").samples.size(), 1u);
  fs::create_symlink("round", folder / "round");
  EXPECT_THAT(refusal(folder / "round"), HasSubstr("does not exist"));
  EXPECT_THAT(refusal(folder / std::string(5000, 'n')), HasSubstr("does not exist"));
}

TEST(HostileSets, LabelsJsonAloneDoesNotMakeASetSsv2) {
  const Kinetics kinetics;
  kinetics.set.write("labels.json", R"({"a": "0"})");
  EXPECT_EQ(open(kinetics.set.path(), "train").format, "kinetics");
  const TempFolder lists;
  lists.write("labels.json", R"(["run"])");
  lists.write("train.txt", "a.mp4 0\n");
  lists.write("a.mp4", "x");
  EXPECT_EQ(open(lists.path(), "train").format, "list");
}

TEST(HostileSets, ClassesMayBeSpelledAnotherWayInAnotherSplit) {
  const TempFolder set;
  for (const char* name :
       {"train/brush hair/a.mp4", "train/C/a.mp4", "val/Brush_Hair/a.mp4", "val/C++/a.mp4", "val/C/b.mp4"})
    set.write(name, "x");
  const Dataset validation = open(set.path(), "val");
  EXPECT_THAT(validation.labels, ElementsAre("C", "C++", "brush hair"));
  EXPECT_THAT(labels_of(validation), ElementsAre(2, 0, 1));
  EXPECT_EQ(open(set.path(), "train").labels, validation.labels);
  const TempFolder lists;
  lists.write("a.mp4", "x");
  lists.write("train.txt", "a.mp4 Moving something up\na.mp4 \xE8\xB7\x91\n");
  lists.write("val.txt", "a.mp4 moving_something_up\na.mp4 \xE8\xB7\xB3\n");
  EXPECT_EQ(open(lists.path(), "val").labels.size(), 3u);
  EXPECT_THAT(labels_of(open(lists.path(), "val")), ElementsAre(0, 2));
  const TempFolder ssv2;
  ssv2.write("labels/labels.json", R"({"Holding something": "0", "holding-something": "1"})");
  ssv2.write("labels/train.json", R"([{"id": "1", "template": "HOLDING [something]"}])");
  EXPECT_THAT(refusal(ssv2.path()), HasSubstr("not in"));
}

TEST(HostileSets, ClassNumbersHaveALimit) {
  const TempFolder set;
  set.write("a.mp4", "x");
  for (const char* label : {"20231105", "65536", "123456789012345678901234567890"}) {
    set.write("train.txt", text("a.mp4 0\na.mp4 ", label, "\n"));
    EXPECT_THAT(refusal(set.path()),
                AllOf(HasSubstr(text("line 2: the label ", label, " is too large")), HasSubstr("0 to at most 65535")));
  }
  set.write("train.txt", "a.mp4 65535\n");
  EXPECT_EQ(open(set.path(), "train").labels.size(), 65536u);
  for (const char* label : {"-2", "-123456789012345678901234567890"}) {
    set.write("train.txt", text("a.mp4 0\na.mp4 ", label, "\n"));
    EXPECT_THAT(refusal(set.path()), HasSubstr("is not a class number"));
  }
  set.write("train.txt", "a.mp4 1\na.mp4 l\n");
  EXPECT_THAT(refusal(set.path()),
              AllOf(HasSubstr("\"1\""), HasSubstr("line 1"), HasSubstr("\"l\""), HasSubstr("line 2")));
}

TEST(HostileSets, FilesOfNamesNameEachClassOnce) {
  const TempFolder set;
  set.write("a.mp4", "x");
  set.write("train.txt", "a.mp4 1\n");
  set.write("labels.txt", "run\n\nwave\n");
  EXPECT_THAT(refusal(set.path()), HasSubstr("labels.txt line 2 is empty"));
  set.write("labels.txt", "run\nwave\nrun\n");
  EXPECT_THAT(refusal(set.path()), HasSubstr("names the class \"run\" in lines 1 and 3"));
  set.write("labels.txt", "run\nwave\n\n\n");
  EXPECT_THAT(open(set.path(), "train").labels, ElementsAre("run", "wave"));
}

TEST(HostileSets, PartsOfOneFileHaveNamesOfTheirOwn) {
  const TempFolder set;
  set.write("a.mp4", "x");
  set.write("train.jsonl",
            "{\"path\": \"a.mp4\", \"end\": 1}\n{\"path\": \"a.mp4\", \"end\": 2}\n"
            "{\"path\": \"a.mp4\", \"start\": 1000.001, \"end\": 1001}\n{\"path\": \"a.mp4\", \"start\": 1000.0011}\n");
  const Dataset dataset = open(set.path(), "train");
  std::vector<std::string> ids;
  for (const Sample& sample : dataset.samples) ids.push_back(sample.id);
  EXPECT_THAT(ids, ElementsAre("a.mp4@0-1", "a.mp4@0-2", "a.mp4@1000.001-1001", "a.mp4@1000.0011"));
  for (const Problem& problem : check_dataset(dataset, {}).problems) EXPECT_NE(problem.kind, ProblemKind::kDuplicate);
}

TEST(HostileSets, OneListForTwoSplitsIsNoticed) {
  const TempFolder set;
  set.write("a.mp4", "x");
  set.write("mine.txt", "a.mp4 0\na.mp4 1\n");
  set.write("train.txt", "a.mp4 0\n");
  set.write("val.txt", "b.mp4 0\na.mp4 1\n");
  EXPECT_EQ(count_shared(open(set / "mine.txt", "train"), open(set / "mine.txt", "val")), 2);
  EXPECT_EQ(count_shared(open(set.path(), "train"), open(set.path(), "val")), 1);
}

TEST(HostileSets, JsonThatOtherReadersTakeInAnyWay) {
  const TempFolder set;
  set.write("labels/labels.json", R"({"Holding something": "0"})");
  set.write("20bn-something-something-v2/1.webm", "x");
  const auto train = [&](const std::string& content) {
    set.write("labels/train.json", content);
    return refusal(set.path());
  };
  const std::string entry = R"({"id": "1", "template": "Holding [something]"})";
  EXPECT_EQ(train("\xEF\xBB\xBF[" + entry + "]\r\n"), "");
  EXPECT_THAT(train(R"([{"id": "1", "template": "X", "template": "Holding [something]"}])"),
              HasSubstr("has the key \"template\" twice"));
  EXPECT_THAT(train("[" + entry + ", 1e999]"), AllOf(HasSubstr("train.json"), HasSubstr("1e999")));
  EXPECT_THAT(train(std::string(1000000, '[')), HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(train("[" + entry + ", {\"id\": " + std::string(100, '[') + std::string(100, ']') + "}]"),
              HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(train("[{\"id\": \"\xFF\"}]"), HasSubstr("not valid JSON at line 1"));
  set.write("labels/labels.json", R"({"A": "0", "A": "1"})");
  EXPECT_THAT(train("[" + entry + "]"), HasSubstr("labels.json: one of its objects has the key \"A\" twice"));
  const TempFolder lines;
  lines.write("a.mp4", "x");
  for (const auto& [line, sentence] : std::vector<std::pair<std::string, std::string>>{
           {"{\"path\": \"a.mp4\\u0000b\"}", "no zero byte"},
           {"{\"path\": \"a.mp4\", \"start\": 1e999}", "line 1"},
           {"{\"path\": \"a.mp4\", \"path\": \"b.mp4\"}", "\"path\" twice"},
           {"[]", "has no \"path\""},
           {"3", "has no \"path\""},
           {"{\"path\": \"a.mp4\", \"label\": 99999999999999999999999}", "must be a name or a number"},
           {std::string(100000, '{'), "not valid JSON"}}) {
    lines.write("train.jsonl", line + "\n");
    EXPECT_THAT(refusal(lines.path()), AllOf(HasSubstr("train.jsonl"), HasSubstr(sentence))) << line.substr(0, 60);
  }
}

TEST(HostileSets, TextThatIsNotWhatItSeems) {
  const TempFolder set;
  set.write("a.mp4", "x");
  set.write("my, a.mp4", "x");
  set.write("train.txt", std::string("a.mp4 0\na\0.mp4 1\n", 18));
  EXPECT_THAT(refusal(set.path()), HasSubstr("train.txt line 2 has a zero byte"));
  set.write("train.txt", std::string("\xFF\xFE"
                                     "a\0.\0",
                                     6));
  EXPECT_THAT(refusal(set.path()), HasSubstr("text in UTF-8"));
  set.write("train.txt",
            "\xEF\xBB\xBF"
            "a.mp4 1\r\n\r\n\"my, a.mp4\" 0\r\n");
  EXPECT_THAT(labels_of(open(set.path(), "train")), ElementsAre(1, 0));
  EXPECT_EQ(open(set.path(), "train").samples[1].path, set / "my, a.mp4");
  set.write("train.txt", "\"a.mp4,1\n");
  EXPECT_THAT(refusal(set.path()), HasSubstr("train.txt line 1: a field begins with a quote that does not close"));
  for (const char* content : {"", "\n", "\xEF\xBB\xBF", "\r\n\r\n"}) {
    set.write("train.txt", content);
    EXPECT_THAT(refusal(set.path()), HasSubstr("lists no videos"));
  }
  const Kinetics kinetics;
  const auto train = [&](const std::string& lines) {
    kinetics.set.write("annotations/train.csv", kHeader + lines);
    return refusal(kinetics.set.path());
  };
  EXPECT_THAT(train("a,abcdefghijk,0,10,train\nb,bbcdef"),
              HasSubstr("line 3: it has 2 fields, but the first line names 5"));
  EXPECT_THAT(train("\"a\"b,abcdefghijk,0,10,train\n"), HasSubstr("line 2: something follows the closing quote"));
  for (const char* time : {"nan", "inf", "-1", "1e999", "1e7"})
    EXPECT_THAT(train(text("a,abcdefghijk,", time, ",10,train\n")), HasSubstr("is not a number of seconds")) << time;
  EXPECT_EQ(train("a,abcdefghijk,0,10,train\r\n"), "");
}

TEST(Csv, TabLinesReadBackAsTheyWere) {
  using datasets::tab_fields, datasets::tab_line;
  const std::vector<std::string> fields = {"", "a\tb", "line\nfeed\r", "\\t is no tab", "\\", "caf\xE9", "\\\n\\"};
  EXPECT_EQ(tab_fields(tab_line(fields)), fields);
  EXPECT_EQ(tab_line(fields).find('\n'), std::string::npos);
  EXPECT_EQ(tab_line({"a b", "c/d.mp4"}), "a b\tc/d.mp4") << "ordinary names stay as they are";
  EXPECT_THAT(tab_fields(""), ElementsAre(""));
}

// A class per video: finding the index of a class must not walk over all classes.
TEST(HostileSets, ManyClassesTakeNoLonger) {
  const TempFolder set;
  set.write("0.mp4", "x");
  std::string lines;
  for (int i = 0; i < 60000; ++i) lines += text(i, ".mp4 c", i, "\n");
  set.write("train.txt", lines);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(open(set.path(), "train").labels.size(), 60000u);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

}  // namespace
}  // namespace trecvit::data_test
