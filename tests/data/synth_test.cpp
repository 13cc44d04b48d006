#include "data/synth/synth.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "data/synth/layout.h"
#include "data/synth/motion.h"
#include "data/synth/render.h"
#include "data/synth/scene.h"
#include "data/video/decoder.h"
#include "synth_support.h"

namespace trecvit::data_test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(Synth, ClassesComeInReversedPairs) {
  std::map<synth::Motion, int> balance;
  for (const synth::MotionClass& motion : synth::motion_classes()) balance[motion.motion] += motion.reversed ? 1 : 100;
  EXPECT_EQ(balance.size(), 6u);
  for (const auto& [motion, sum] : balance) EXPECT_EQ(sum, 101);
}

TEST(Synth, ClassNumbersAreAlphabeticalUnderBothNames) {
  const auto classes = synth::motion_classes();
  const auto plain = [](std::string name) {
    std::erase_if(name, [](char c) { return c == '[' || c == ']'; });
    return name;
  };
  for (std::size_t i = 1; i < classes.size(); ++i) {
    EXPECT_LT(plain(classes[i - 1].ssv2_template), plain(classes[i].ssv2_template));
    EXPECT_LT(std::string(classes[i - 1].kinetics_label), std::string(classes[i].kinetics_label));
  }
}

TEST(Synth, EasingIsItsOwnMirrorImage) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const synth::Script script(synth::Motion::kAcross, false, 96, 72, rng);
    const synth::Pose first = script.pose(0, 0), last = script.pose(0, 1);
    EXPECT_GT(last.x - first.x, 20);
    EXPECT_DOUBLE_EQ(first.y, last.y);
    EXPECT_GT(first.x, 12 - 1);  // inside the centre square of the picture
    EXPECT_LT(last.x, 84 + 1);
  }
}

TEST(Synth, ObjectsStayInsidePicturesOfAnyShape) {
  for (const auto& [width, height] : {std::pair{96, 72}, {48, 96}, {320, 64}, {16, 16}}) {
    for (const synth::MotionClass& motion : synth::motion_classes()) {
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Rng rng(seed);
        const synth::Script script(motion.motion, seed % 2 == 1, width, height, rng);
        for (std::size_t actor = 0; actor < script.actors(); ++actor) {
          for (const double u : {0.0, 0.5, 1.0}) {
            const synth::Pose pose = script.pose(actor, u);
            EXPECT_TRUE(pose.x > 0 && pose.x < width && pose.y > 0 && pose.y < height) << pose.x << " " << pose.y;
          }
        }
      }
    }
  }
}

TEST(Synth, TurnsByAThirdToTwoThirds) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const synth::Script script(synth::Motion::kTurn, false, 96, 72, rng);
    const double sweep = script.pose(0, 1).angle - script.pose(0, 0).angle;
    EXPECT_GT(sweep, 2 * 70 * 3.14159 / 180 - 1e-3);
    EXPECT_LT(sweep, 2 * 110 * 3.14159 / 180 + 1e-3);
  }
}

TEST(Synth, ShapesFitTheirCircle) {
  for (int shape = 0; shape <= static_cast<int>(synth::Shape::kTee); ++shape) {
    for (int degree = 0; degree < 360; ++degree) {
      const double angle = degree * 3.14159265 / 180;
      const auto x = static_cast<float>(1.01 * std::cos(angle)), y = static_cast<float>(1.01 * std::sin(angle));
      EXPECT_GT(synth::distance(static_cast<synth::Shape>(shape), x, y), 0) << shape << " at " << degree;
    }
  }
}

TEST(Synth, ReversedVideoIsAVideoOfThePartnerClass) {
  const auto classes = synth::motion_classes();
  for (const char* difficulty : {"easy", "hard"}) {
    SynthOptions options = small_synth("ssv2");
    options.difficulty = difficulty;
    const std::size_t size = 48 * 32 * 3;
    for (std::size_t a = 0; a < classes.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        if (classes[a].motion != classes[b].motion) continue;
        std::vector<std::uint8_t> one, other;
        synth::Caption caption;
        const int count = synth::render(options, {.number = 3, .motion_class = a}, one, caption);
        ASSERT_EQ(synth::render(options, {.number = 3, .motion_class = b}, other, caption), count);
        for (int i = 0; i < count; ++i) {
          EXPECT_TRUE(std::equal(&one[i * size], &one[i * size] + size, &other[(count - 1 - i) * size]));
        }
        EXPECT_FALSE(std::equal(one.begin(), one.begin() + size, other.begin())) << "nothing moves";
      }
    }
  }
}

TEST(Synth, PlanIsBalancedAndIdsAreUnique) {
  for (const char* format : {"ssv2", "kinetics"}) {
    SynthOptions options = small_synth(format);
    options.train = 120;
    options.validation = 36;
    std::map<std::pair<bool, std::size_t>, int> counts;
    std::set<std::string> ids;
    for (const synth::Clip& clip : synth::plan(options)) {
      ++counts[{clip.training, clip.motion_class}];
      ids.insert(clip.id);
      EXPECT_TRUE(options.format == "ssv2" || clip.id.size() == 11) << clip.id;
    }
    EXPECT_EQ(ids.size(), 156u);
    EXPECT_EQ(counts.size(), 24u);
    for (const auto& [key, count] : counts) EXPECT_EQ(count, key.first ? 10 : 3);
  }
}

TEST(Synth, Ssv2FilesReadAsTheOfficialOnes) {
  const fs::path root = small_set("ssv2");
  const auto labels = nlohmann::json::parse(read_file(root / "labels" / "labels.json"));
  ASSERT_EQ(labels.size(), 12u);
  EXPECT_EQ(labels.at("Moving something from left to right"), "2");
  const auto train = nlohmann::json::parse(read_file(root / "labels" / "train.json"));
  ASSERT_EQ(train.size(), 24u);
  for (const auto& entry : train) {
    ASSERT_TRUE(entry.at("id").is_string());
    std::string name = entry.at("template");
    EXPECT_THAT(name, HasSubstr("omething]"));
    std::erase_if(name, [](char c) { return c == '[' || c == ']'; });
    EXPECT_TRUE(labels.contains(name));
    ASSERT_EQ(entry.at("placeholders").size(), 1u);
    EXPECT_THAT(entry.at("label"), HasSubstr(entry.at("placeholders")[0]));
    const fs::path video = root / "20bn-something-something-v2" / (entry.at("id").get<std::string>() + ".webm");
    const video::VideoInfo info = video::inspect(video);
    EXPECT_EQ(info.codec, "vp9");
    EXPECT_EQ(info.width, 48);
    EXPECT_EQ(info.height, 32);
    EXPECT_NEAR(info.fps, 12, 0.01);
    EXPECT_GE(info.frames, 6);
    EXPECT_LE(info.frames, 9);
  }
}

TEST(Synth, KineticsFilesReadAsTheOfficialOnes) {
  const fs::path root = small_set("kinetics");
  std::ifstream csv(root / "annotations" / "val.csv");
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "label,youtube_id,time_start,time_end,split,is_cc");
  int rows = 0;
  while (std::getline(csv, line)) ++rows;
  EXPECT_EQ(rows, 12);
  for (const auto& entry : fs::directory_iterator(root / "val")) {
    EXPECT_EQ(entry.path().stem().string().size(), 11u + 14u);
    EXPECT_EQ(video::inspect(entry.path()).codec, "h264");
  }
}

TEST(Synth, FilesDoNotDependOnThreadsAndResumeIsExact) {
  TempFolder one, three;
  SynthOptions options = small_synth("ssv2");
  options.train = 10;
  options.validation = 2;
  options.workers = 1;
  EXPECT_EQ(synthesize(one / "set", options).written, 12);
  options.workers = 3;
  std::int64_t last = 0;
  synthesize(three / "set", options, [&](std::int64_t done, std::int64_t total) {
    EXPECT_EQ(++last, done);
    EXPECT_EQ(total, 12);
  });
  const fs::path lost = "set/20bn-something-something-v2/4.webm", torn = "set/20bn-something-something-v2/5.webm";
  fs::remove(three.path() / lost);
  fs::resize_file(three.path() / torn, 0);
  three.write("set/20bn-something-something-v2/6.webm.99.tmp", "half a file");
  const SynthReport again = synthesize(three / "set", options);
  EXPECT_EQ(again.written, 2);
  EXPECT_EQ(again.kept, 10);
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(three / "set")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const fs::path twin = one / "set" / entry.path().lexically_relative(three / "set");
    EXPECT_EQ(read_file(entry.path()), read_file(twin)) << twin;
  }
  EXPECT_EQ(files, 12u + 4u + 1u);
}

TEST(Synth, SeedsAndSplitsDiffer) {
  TempFolder a, b;
  SynthOptions options = small_synth("ssv2");
  options.train = options.validation = 12;
  synthesize(a / "set", options);
  options.seed = 1;
  synthesize(b / "set", options);
  std::set<std::string> contents;
  for (const TempFolder* folder : {&a, &b}) {
    for (const auto& entry : fs::directory_iterator(*folder / "set/20bn-something-something-v2")) {
      contents.insert(read_file(entry.path()));
    }
  }
  EXPECT_EQ(contents.size(), 48u);
}

TEST(Synth, RefusesFoldersThatAreNotItsOwn) {
  TempFolder folder;
  folder.write("other/photo.jpg", "x");
  EXPECT_THAT(error_of([&] { synthesize(folder / "other", small_synth("ssv2")); }), HasSubstr("is not empty"));
  EXPECT_TRUE(fs::exists(folder / "other/photo.jpg"));
  folder.write("file", "x");
  EXPECT_THAT(error_of([&] { synthesize(folder / "file", small_synth("ssv2")); }), HasSubstr("is a file"));
  SynthOptions options = small_synth("ssv2");
  options.seed = 7;
  const fs::path mark = small_set("ssv2");
  EXPECT_THAT(error_of([&] { synthesize(mark, options); }), HasSubstr("seed = 0, not 7"));
}

TEST(Synth, OptionsAreChecked) {
  const auto refused = [](auto change) {
    SynthOptions options;
    change(options);
    return error_of([&] { options.check(); });
  };
  EXPECT_EQ(refused([](SynthOptions&) {}), "");
  EXPECT_THAT(refused([](SynthOptions& o) { o.width = 95; }), HasSubstr("width is 95"));
  EXPECT_THAT(refused([](SynthOptions& o) { o.format = "imagenet"; }), HasSubstr("ssv2 or kinetics"));
  EXPECT_THAT(refused([](SynthOptions& o) { o.min_frames = 1; }), HasSubstr("min_frames is 1"));
  EXPECT_THAT(refused([](SynthOptions& o) { o.difficulty = "medium"; }), HasSubstr("easy or hard"));
}

}  // namespace
}  // namespace trecvit::data_test
