#include "data/datasets/dataset.h"

#include <gmock/gmock.h>

#include "data/datasets/csv.h"
#include "synth_support.h"

namespace trecvit::data_test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal(const fs::path& root, const std::string& split, const std::string& format = "auto") {
  return error_of([&] { open(root, split, format); });
}

// Readers look at names only, so any bytes serve as a video here.
constexpr const char* kVideo = "x";

TEST(Dataset, Ssv2BothGenerationsOfAnnotations) {
  const char* labels = R"({"Pushing something from left to right": "1", "Holding something": "0"})";
  const char* train =
      R"([{"id": "7", "label": "holding a cup", "template": "Holding [something]", "placeholders": ["a cup"]},
                          {"id": "9", "label": "x", "template": "Pushing [something] from left to right", "placeholders": []}])";
  for (const char* prefix : {"labels/", "something-something-v2-", "annotations/something-something-v2-"}) {
    const TempFolder set;
    set.write(text(prefix, "labels.json"), labels);
    set.write(text(prefix, "validation.json"), train);
    set.write("20bn-something-something-v2/9.webm", kVideo);
    const Dataset dataset = open(set.path(), "val");
    EXPECT_EQ(dataset.format, "ssv2");
    EXPECT_EQ(dataset.split, "validation");
    EXPECT_THAT(dataset.labels, ElementsAre("Holding something", "Pushing something from left to right"));
    EXPECT_THAT(labels_of(dataset), ElementsAre(0, 1));
    EXPECT_EQ(dataset.samples[0].path, set / "20bn-something-something-v2/7.webm");  // missing, still listed
    EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("no train.json"));
  }
}

TEST(Dataset, Ssv2TestSplitHasNoLabelsUntilAnswersAreThere) {
  const TempFolder set;
  set.write("labels/labels.json", R"({"Holding something": "0", "Dropping something": "1"})");
  set.write("labels/test.json", R"([{"id": "1"}, {"id": "2"}])");
  set.write("20bn-something-something-v2/1.webm", kVideo);
  EXPECT_THAT(labels_of(open(set.path(), "test")), ElementsAre(-1, -1));
  set.write("labels/test-answers.csv", "1;Dropping something\n2;Holding something\n");
  EXPECT_THAT(labels_of(open(set.path(), "test")), ElementsAre(1, 0));
}

TEST(Dataset, Ssv2ErrorsNameFileAndPlace) {
  const TempFolder set;
  const auto labels = [&](const char* content) { set.write("labels/labels.json", content); };
  const auto train = [&](const char* content) { set.write("labels/train.json", content); };
  labels(R"({"Holding something": "0"})");
  train("[{\"id\": \"1\",\n \"template\": \"Holding [something]\"},\n oops]");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("train.json is not valid JSON at line 3"));
  train("");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("train.json is empty"));
  train("{}");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("must be an array"));
  train("[]");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("lists no videos"));
  train(R"([{"id": "1", "template": "Eating [something]"}])");
  EXPECT_THAT(refusal(set.path(), "train"),
              testing::AllOf(HasSubstr("train.json"), HasSubstr("video 1"), HasSubstr("\"Eating something\""),
                             HasSubstr("labels.json")));
  train(R"([{"template": "Holding [something]"}])");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("entry 0 has no \"id\""));
  train(R"([{"id": "1"}])");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("has no \"template\""));
  train(R"([{"id": "1", "template": "Holding [something]"}])");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("1.webm and the others must be in"));
  labels(R"({"Holding something": "1"})");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("the numbers must be 0 to 0"));
  labels(R"({"A": "0", "B": "0"})");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("the numbers must be 0 to 1"));
}

TEST(Dataset, OpenNamesWhatIsWrongWithTheRoot) {
  const TempFolder folder;
  EXPECT_THAT(refusal(folder / "nowhere", "train"), HasSubstr("does not exist"));
  EXPECT_THAT(refusal(folder.path(), "train"), HasSubstr("is an empty folder"));
  EXPECT_THAT(refusal("", "train"), HasSubstr("data.root is empty"));
  folder.write("notes.md", "hello");
  EXPECT_THAT(refusal(folder.path(), "train"), HasSubstr("was not recognised"));
  EXPECT_THAT(refusal(folder.path(), "train", "imagenet"), HasSubstr("data.format is imagenet"));
  EXPECT_EQ(open(small_set("ssv2") / "", "train").samples.size(), 24u);  // a slash at the end
}

TEST(Dataset, SyntheticSetsReadTheSameInEitherFormat) {
  const Dataset ssv2 = open(small_set("ssv2"), "train"), kinetics = open(small_set("kinetics"), "train");
  EXPECT_EQ(kinetics.format, "kinetics");
  EXPECT_EQ(labels_of(ssv2), labels_of(kinetics));
  for (const Sample& sample : kinetics.samples) EXPECT_TRUE(fs::exists(sample.path)) << sample.path;
  EXPECT_EQ(open(small_set("kinetics"), "validate").samples.size(), 12u);
}

TEST(Dataset, KineticsReadsColumnsByNameAndClassesByAlphabet) {
  const TempFolder set;
  set.write("annotations/kinetics700_train.csv",
            "youtube_id,split,label,time_end,time_start\n"
            "-Ab_cdefghi,train,\"waving, slowly\",20.0,10.0\n"
            "_bcdefghijk,train,air drumming,25,15\r\n\n"
            "Abcdefghijk,train,zumba,9,0\n");
  set.write("train/air_drumming/_bcdefghijk_000015_000025.mp4", kVideo);
  set.write("train/zumba/Abcdefghijk.mp4", kVideo);
  set.write("train/waving slowly/-Ab_cdefghi_000110_000120.mp4", kVideo);  // another part of the film
  const Dataset dataset = open(set.path(), "train");
  EXPECT_THAT(dataset.labels, ElementsAre("air drumming", "waving, slowly", "zumba"));
  EXPECT_THAT(labels_of(dataset), ElementsAre(1, 0, 2));
  EXPECT_EQ(dataset.samples[0].path, set / "train/-Ab_cdefghi_000010_000020.mp4");  // missing
  EXPECT_EQ(dataset.samples[1].path, set / "train/air_drumming/_bcdefghijk_000015_000025.mp4");
  EXPECT_EQ(dataset.samples[2].path, set / "train/zumba/Abcdefghijk.mp4");
  EXPECT_THAT(refusal(set.path(), "val"), HasSubstr("no annotation of the split \"validation\""));
}

TEST(Dataset, KineticsReplacementsWin) {
  const TempFolder set;
  set.write(
      "annotations/val.csv",
      "label,youtube_id,time_start,time_end,split,is_cc\nzumba,Abcdefghijk,1,11,val,0\nzumba,Bbcdefghijk,1,11,val,0\n");
  set.write("annotations/test.csv", "youtube_id,time_start,time_end,split\nAbcdefghijk,1,11,test\n");
  set.write("val/Abcdefghijk_000001_000011.mp4", kVideo);
  set.write("val/Bbcdefghijk_000001_000011.mp4", kVideo);
  set.write("replacement/replacement_for_corrupted_k400/Abcdefghijk_000001_000011.mp4", kVideo);
  const Dataset dataset = open(set.path(), "validation");
  EXPECT_EQ(dataset.samples[0].path, set / "replacement/replacement_for_corrupted_k400/Abcdefghijk_000001_000011.mp4");
  EXPECT_EQ(dataset.samples[1].path, set / "val/Bbcdefghijk_000001_000011.mp4");
  EXPECT_THAT(labels_of(open(set.path(), "test")), ElementsAre(-1));
}

TEST(Dataset, KineticsErrorsNameFileAndLine) {
  const TempFolder set;
  set.write("train/x.mp4", kVideo);
  const std::string header = "label,youtube_id,time_start,time_end,split\n";
  set.write("annotations/train.csv", header + "zumba,short,1,11,train\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("train.csv line 2: \"short\" is not a YouTube id"));
  set.write("annotations/train.csv", header + "zumba,Abcdefghijk,soon,11,train\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("line 2: the time \"soon\""));
  set.write("annotations/train.csv", header + ",Abcdefghijk,1,11,train\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("line 2: video Abcdefghijk has no label"));
  set.write("annotations/train.csv", header + "zumba,Abcdefghijk,1,11,train\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("none of the 1 videos"));
}

TEST(Dataset, Ucf101) {
  const TempFolder set;
  set.write("ucfTrainTestlist/classInd.txt", "1 ApplyEyeMakeup\r\n2 Archery\r\n");
  set.write("ucfTrainTestlist/trainlist01.txt", "Archery/v_Archery_g01_c01.avi 2\n");
  set.write("ucfTrainTestlist/testlist01.txt", "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\n");
  set.write("ucfTrainTestlist/testlist02.txt", "Archery/v_Archery_g01_c01.avi\n");
  set.write("UCF-101/Archery/v_Archery_g01_c01.avi", kVideo);
  set.write("UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi", kVideo);
  const Dataset train = open(set.path(), "train");
  EXPECT_EQ(train.format, "ucf101");
  EXPECT_THAT(train.labels, ElementsAre("ApplyEyeMakeup", "Archery"));
  EXPECT_THAT(labels_of(train), ElementsAre(1));
  EXPECT_THAT(labels_of(open(set.path(), "validation")), ElementsAre(0));
  EXPECT_THAT(labels_of(open(set.path(), "test2")), ElementsAre(1));
  EXPECT_THAT(refusal(set.path(), "test7"), HasSubstr("train1..train3"));
  set.write("ucfTrainTestlist/trainlist01.txt", "Bowling/v.avi 3\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("\"Bowling\", which classInd.txt lacks"));
}

TEST(Dataset, Hmdb51) {
  const TempFolder set;
  const std::string lists = "testTrainMulti_7030_splits/";
  set.write(lists + "wave_test_split1.txt", "b one.avi 1 \nc.avi 2 \nd.avi 0 \n");
  set.write(lists + "brush_hair_test_split1.txt", "a.avi 1 \n");
  set.write(lists + "wave_test_split2.txt", "c.avi 1 \n");
  set.write("hmdb51_org/wave/c.avi", kVideo);
  set.write("hmdb51_org/brush_hair/a.avi", kVideo);
  const Dataset train = open(set.path(), "train");
  EXPECT_EQ(train.format, "hmdb51");
  EXPECT_THAT(train.labels, ElementsAre("brush_hair", "wave"));
  EXPECT_THAT(labels_of(train), ElementsAre(0, 1));
  EXPECT_EQ(train.samples[1].path, set / "hmdb51_org/wave/b one.avi");
  EXPECT_THAT(labels_of(open(set.path(), "test")), ElementsAre(1));
  set.write(lists + "wave_test_split1.txt", "b.avi 5\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("wave_test_split1.txt"));
}

TEST(Dataset, ListsWithBlanksCommasAndTabs) {
  const TempFolder set;
  set.write("videos/a b.mp4", kVideo);
  set.write("videos/c.mp4", kVideo);
  for (const char* content :
       {"videos/a b.mp4 1\nvideos/c.mp4 0\n", "videos/a b.mp4,1\r\nvideos/c.mp4,0\r\n",
        "videos/a b.mp4\t1\nvideos/c.mp4\t0", "path,label\n\"videos/a b.mp4\",1\nvideos/c.mp4, 0\n",
        "\"videos/a b.mp4\" 1\n# note\n\nvideos/c.mp4 0\n"}) {
    set.write("train.csv", content);
    const Dataset dataset = open(set.path(), "train");
    EXPECT_EQ(dataset.format, "list");
    EXPECT_THAT(labels_of(dataset), ElementsAre(1, 0)) << content;
    EXPECT_EQ(dataset.samples[0].path, set / "videos/a b.mp4");
    EXPECT_THAT(dataset.labels, ElementsAre("0", "1"));
  }
  EXPECT_THAT(refusal(set.path(), "val"), HasSubstr("no list of the split \"validation\""));
}

TEST(Dataset, ListsShareClassesOverSplits) {
  const TempFolder set;
  set.write("a.mp4", kVideo);
  set.write("train.txt", "a.mp4 wave\na.mp4 run\n");
  set.write("val.txt", "a.mp4 walk\n");
  const Dataset validation = open(set / "val.txt", "val"), train = open(set / "val.txt", "train");
  EXPECT_THAT(validation.labels, ElementsAre("run", "walk", "wave"));
  EXPECT_EQ(train.labels, validation.labels);
  EXPECT_THAT(labels_of(validation), ElementsAre(1));
  set.write("train.txt", "a.mp4 0\n");
  set.write("val.txt", "a.mp4 2\n");
  set.write("labels.txt", "run\nwalk\nwave\n");
  EXPECT_THAT(open(set.path(), "train").labels, ElementsAre("run", "walk", "wave"));
  set.write("labels.txt", "run\nwalk\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("the label 2 is too large for a class number; "));
}

TEST(Dataset, ListsWithBlanksInNames) {
  const TempFolder set;
  set.write("my, videos/a b.mp4", kVideo);
  set.write("train.txt", "my, videos/a b.mp4 brush hair\nmy, videos/c.mp4 run\n");
  Dataset dataset = open(set.path(), "train");
  EXPECT_THAT(dataset.labels, ElementsAre("brush hair", "run"));
  EXPECT_EQ(dataset.samples[0].path, set / "my, videos/a b.mp4");
  set.write("train.txt", "my, videos/a b.mp4 120 3\nmy, videos/c.mp4 99 0\n");
  EXPECT_THAT(labels_of(open(set.path(), "train")), ElementsAre(3, 0));
}

TEST(Dataset, ListsOfExtractedFrames) {
  const TempFolder set;
  set.write("frames/video 1/img_1.jpg", kVideo);
  for (const char* content :
       {"frames/video 1 120 3\nframes/video_2 64 0\n", "frames/video 1\t120\t3\nframes/video_2\t64\t0\n",
        "path,label\nframes/video 1,120,3\nframes/video_2, 64, 0\n"}) {
    set.write("train.txt", content);
    const Dataset dataset = open(set.path(), "train");
    EXPECT_EQ(dataset.format, "list");
    EXPECT_THAT(labels_of(dataset), ElementsAre(3, 0)) << content;
    EXPECT_EQ(dataset.samples[0].path, set / "frames/video 1");
    EXPECT_EQ(dataset.samples[0].frames, 120);
    EXPECT_EQ(dataset.samples[1].frames, 64);
  }
  set.write("train.txt", "frames/video 1 120 brush hair\nframes/video_2 64 run\n");
  EXPECT_THAT(open(set.path(), "train").labels, ElementsAre("brush hair", "run"));
}

TEST(Dataset, ListErrors) {
  const TempFolder set;
  set.write("train.txt", "frames/video_1 3\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("\"folder frames label\" for extracted frames"));
  set.write("train.txt", "frames/video_1 0 3\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("line 1"));
  set.write("train.txt", "a.mp4 1\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("none of the videos of"));
  set.write("train.txt", "\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("lists no videos"));
}

TEST(Dataset, JsonLines) {
  const TempFolder set;
  set.write("a.mp4", kVideo);
  set.write("train.jsonl",
            "{\"path\": \"a.mp4\", \"label\": \"wave\", \"start\": 1.5, \"end\": 3}\n"
            "{\"path\": \"a.mp4\", \"label\": \"run\"}\n{\"path\": \"a.mp4\"}\n");
  const Dataset dataset = open(set.path(), "train");
  EXPECT_EQ(dataset.format, "jsonl");
  EXPECT_THAT(labels_of(dataset), ElementsAre(1, 0, -1));
  EXPECT_EQ(dataset.samples[0].start_s, 1.5);
  EXPECT_EQ(dataset.samples[0].end_s, 3);
  EXPECT_LT(dataset.samples[1].start_s, 0);
  set.write("train.jsonl", "{\"path\": \"a.mp4\"}\n{\"path\": \n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("train.jsonl is not valid JSON at line 2"));
  set.write("train.jsonl", "{\"file\": \"a.mp4\"}\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("line 1 has no \"path\""));
  set.write("train.jsonl", "{\"path\": \"a.mp4\", \"start\": 3, \"end\": 2}\n");
  EXPECT_THAT(refusal(set.path(), "train"), HasSubstr("\"end\" must be later"));
}

TEST(Dataset, FolderPerClass) {
  const TempFolder set;
  set.write("train/run/b.mp4", kVideo);
  set.write("train/run/a.webm", kVideo);
  set.write("train/run/notes.txt", kVideo);
  set.write("train/wave/x.avi", kVideo);
  set.write("val/wave/y.avi", kVideo);
  const Dataset train = open(set.path(), "train"), validation = open(set.path(), "validation");
  EXPECT_EQ(train.format, "folder");
  EXPECT_THAT(train.labels, ElementsAre("run", "wave"));
  EXPECT_EQ(validation.labels, train.labels);
  EXPECT_THAT(labels_of(train), ElementsAre(0, 0, 1));
  EXPECT_THAT(labels_of(validation), ElementsAre(1));
  EXPECT_EQ(train.samples[0].id, "run/a.webm");
  EXPECT_THAT(labels_of(open(set / "train", "all")), ElementsAre(0, 0, 1));
  EXPECT_THAT(refusal(set / "train", "train"), HasSubstr("SPLIT/CLASS/video"));
}

TEST(Dataset, RootMayBeTheFolderOfTheVideosButNeighboursDoNotCount) {
  EXPECT_EQ(open(small_set("ssv2") / "20bn-something-something-v2", "train").samples.size(), 24u);
  const TempFolder shelf;
  shelf.write("labels/labels.json", R"({"Holding something": "0"})");
  shelf.write("mine/train/run/a.mp4", kVideo);
  EXPECT_EQ(open(shelf / "mine", "train").format, "folder");
}

TEST(Dataset, MirroredLabels) {
  EXPECT_THAT(mirrored_labels({"Pulling something from left to right", "Pulling something from right to left",
                               "Turning the camera left", "Turning the camera right", "Looking right",
                               "Turning something clockwise", "Turning something counter-clockwise", "Waving",
                               "Putting something right side up"}),
              ElementsAre(1, 0, 3, 2, 4, 6, 5, 7, 8));
  EXPECT_THAT(mirrored_labels({"spin anticlockwise", "spin clockwise"}), ElementsAre(1, 0));
  const Dataset dataset = open(small_set("ssv2"), "train");
  EXPECT_THAT(mirrored_labels(dataset.labels), ElementsAre(0, 1, 3, 2, 4, 5, 6, 7, 8, 9, 11, 10));
}

TEST(Csv, Fields) {
  using datasets::split_fields;
  EXPECT_THAT(split_fields("a, b ,\"c,\"\"d\"\"\",", ','), ElementsAre("a", "b", "c,\"d\"", ""));
  EXPECT_THAT(split_fields("", ','), ElementsAre(""));
  EXPECT_THAT(datasets::split_last_blank("  a b.mp4  3 "), ElementsAre("a b.mp4", "3"));
  EXPECT_THAT(datasets::split_last_blank("alone"), ElementsAre("alone"));
}

TEST(DataConfig, ChecksNameKeyAndValue) {
  const auto refused = [](auto change) {
    DataConfig config;
    change(config);
    return error_of([&] { config.check(); });
  };
  EXPECT_EQ(refused([](DataConfig&) {}), "");
  EXPECT_THAT(refused([](DataConfig& c) { c.frames = 0; }), HasSubstr("data.frames is 0"));
  EXPECT_THAT(refused([](DataConfig& c) { c.short_clip = "mirror"; }), HasSubstr("data.short_clip is mirror"));
  EXPECT_THAT(refused([](DataConfig& c) { c.max_bad_share = 2; }), HasSubstr("data.max_bad_share is 2"));
  AugmentConfig augment;
  augment.scale_min = 0.5;
  EXPECT_THAT(error_of([&] { augment.check(); }), HasSubstr("augment.scale_min is 0.5"));
}

}  // namespace
}  // namespace trecvit::data_test
