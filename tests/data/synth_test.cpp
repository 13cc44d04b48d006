#include "data/synth/synth.h"

#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "data/synth/difficulty.h"
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
    const synth::Script script(synth::Motion::kAcross, synth::difficulty_named("easy"), 96, 72, rng);
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
      for (std::uint64_t seed = 0; seed < 30; ++seed) {
        Rng rng(seed);
        const synth::Script script(motion.motion, synth::difficulty_named(synth::difficulty_names()[seed % 3]), width,
                                   height, rng);
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
    const synth::Script script(synth::Motion::kTurn, synth::difficulty_named("easy"), 96, 72, rng);
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
  for (const std::string& difficulty : synth::difficulty_names()) {
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

// Sets are compared over versions: 16 pixels, caption and length of a clip, as the program drew them when the sets were
// first used. (Levels may differ by one between processors.)
TEST(Synth, EasyAndHardSetsStayAsTheyAre) {
  struct Known {
    const char* difficulty;
    std::size_t motion_class;
    int frames;
    const char* object;
    std::array<int, 16> pixels;
  };
  const Known known[] = {
      {.difficulty = "easy",
       .motion_class = 0,
       .frames = 6,
       .object = "an orange striped arrow",
       .pixels = {36, 36, 37, 27, 26, 27, 28, 32, 36, 36, 37, 26, 24, 27, 30, 33}},
      {.difficulty = "easy",
       .motion_class = 2,
       .frames = 6,
       .object = "a pink arrow",
       .pixels = {24, 27, 29, 26, 27, 25, 27, 25, 24, 26, 27, 27, 27, 24, 27, 25}},
      {.difficulty = "easy",
       .motion_class = 6,
       .frames = 6,
       .object = "a red square",
       .pixels = {21, 15, 21, 24, 19, 8, 26, 28, 22, 15, 19, 24, 20, 11, 26, 29}},
      {.difficulty = "easy",
       .motion_class = 9,
       .frames = 6,
       .object = "a red ringed square",
       .pixels = {35, 39, 31, 46, 34, 28, 45, 31, 41, 41, 34, 43, 33, 33, 44, 30}},
      {.difficulty = "easy",
       .motion_class = 11,
       .frames = 6,
       .object = "a red arrow",
       .pixels = {36, 40, 32, 43, 33, 29, 45, 30, 36, 43, 34, 46, 34, 30, 46, 30}},
      {.difficulty = "hard",
       .motion_class = 0,
       .frames = 6,
       .object = "a red ringed square",
       .pixels = {128, 99, 70, 115, 133, 102, 83, 128, 126, 100, 68, 98, 142, 104, 70, 130}},
      {.difficulty = "hard",
       .motion_class = 2,
       .frames = 6,
       .object = "a cyan angle",
       .pixels = {81, 83, 103, 103, 103, 101, 75, 78, 66, 81, 114, 92, 91, 101, 78, 77}},
      {.difficulty = "hard",
       .motion_class = 6,
       .frames = 6,
       .object = "a cyan square",
       .pixels = {116, 153, 117, 88, 63, 45, 79, 122, 107, 121, 101, 100, 75, 62, 54, 107}},
      {.difficulty = "hard",
       .motion_class = 9,
       .frames = 6,
       .object = "a pink arrow",
       .pixels = {62, 104, 68, 52, 62, 77, 85, 43, 57, 101, 75, 44, 83, 77, 66, 49}},
      {.difficulty = "hard",
       .motion_class = 11,
       .frames = 6,
       .object = "a pink two-tone angle",
       .pixels = {91, 83, 94, 93, 81, 106, 84, 75, 80, 69, 98, 76, 86, 102, 80, 71}},
  };
  for (const Known& k : known) {
    SynthOptions options = small_synth("ssv2");
    options.difficulty = k.difficulty;
    std::vector<std::uint8_t> frames;
    synth::Caption caption;
    const int count = synth::render(options, {.number = 5, .motion_class = k.motion_class}, frames, caption);
    EXPECT_EQ(count, k.frames);
    EXPECT_EQ(caption.object, k.object);
    for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(frames[(i * 2 + 1) * frames.size() / 32], k.pixels[i], 1) << i;
  }
}

TEST(Synth, MediumLiesBetweenEasyAndHardInEveryNumber) {
  const synth::Difficulty &easy = synth::difficulty_named("easy"), &medium = synth::difficulty_named("medium"),
                          &hard = synth::difficulty_named("hard");
  const auto between = [](double a, double b, double c, const char* name) {
    EXPECT_TRUE(a == c ? b == a : (a < b) == (b < c) && b != a && b != c) << name << " " << a << " " << b << " " << c;
  };
  const auto range = [&](auto field, const char* name) {
    const auto middle = [&](const synth::Difficulty& d) { return ((d.*field).low + (d.*field).high) / 2; };
    between(middle(easy), middle(medium), middle(hard), name);
  };
  range(&synth::Difficulty::radius, "radius");
  range(&synth::Difficulty::half_way, "half_way");
  range(&synth::Difficulty::growth, "growth");
  range(&synth::Difficulty::turn_radius, "turn_radius");
  range(&synth::Difficulty::value, "value");
  range(&synth::Difficulty::other_value, "other_value");
  range(&synth::Difficulty::ground, "ground");
  range(&synth::Difficulty::wave_size, "wave_size");
  range(&synth::Difficulty::noise, "noise");
  range(&synth::Difficulty::flicker, "flicker");
  between(easy.shake, medium.shake, hard.shake, "shake");
  between(easy.turn_place, medium.turn_place, hard.turn_place, "turn_place");
  between(easy.turn_halves, medium.turn_halves, hard.turn_halves, "turn_halves");
  between(easy.wave_cycles, medium.wave_cycles, hard.wave_cycles, "wave_cycles");
  between(easy.most_distractors, medium.most_distractors, hard.most_distractors, "most_distractors");
}

// The object moves as its class says, by more than the camera moves.
TEST(Synth, LabelsAreExactAtEveryDifficulty) {
  constexpr int kWidth = 96, kHeight = 72;
  for (const std::string& name : synth::difficulty_names()) {
    const synth::Difficulty& difficulty = synth::difficulty_named(name);
    const double camera = 2 * difficulty.shake * kHeight;  // most that it moves between two frames
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const auto script = [&](synth::Motion motion) {
        Rng rng(seed);
        return synth::Script(motion, difficulty, kWidth, kHeight, rng);
      };
      SCOPED_TRACE(text(name, " ", seed));
      const synth::Script across = script(synth::Motion::kAcross), down = script(synth::Motion::kDown);
      EXPECT_GT(across.pose(0, 1).x - across.pose(0, 0).x, camera);
      EXPECT_EQ(across.pose(0, 1).y, across.pose(0, 0).y);
      EXPECT_GT(down.pose(0, 1).y - down.pose(0, 0).y, camera) << "y points down";
      EXPECT_EQ(down.pose(0, 1).x, down.pose(0, 0).x);
      const synth::Script towards = script(synth::Motion::kTowards), turn = script(synth::Motion::kTurn);
      EXPECT_GT(towards.pose(0, 1).radius / towards.pose(0, 0).radius, 1.69);
      EXPECT_EQ(towards.pose(0, 1).x, towards.pose(0, 0).x);
      EXPECT_GT(turn.pose(0, 1).angle - turn.pose(0, 0).angle, 2) << "radians, clockwise on the screen";
      const synth::Script appear = script(synth::Motion::kAppear), events = script(synth::Motion::kSquareThenCircle);
      EXPECT_LT(appear.pose(0, 0).opacity, 0.1);
      EXPECT_GT(appear.pose(0, 1).opacity, 0.9);
      double square = 0, circle = 0, square_time = 0, circle_time = 0;
      for (double u = 0; u <= 1; u += 0.01) {
        const double s = events.pose(0, u).opacity, c = events.pose(1, u).opacity;
        EXPECT_LT(std::min(s, c), 0.01) << "never both";
        square += s;
        circle += c;
        square_time += s * u;
        circle_time += c * u;
      }
      EXPECT_GT(square, 20);
      EXPECT_GT(circle, 20);
      EXPECT_LT(square_time / square + 0.2, circle_time / circle);
    }
  }
}

// A still of 8 x 6 grey cells, without its mean.
std::vector<float> thumbnail(const std::uint8_t* rgb, int width, int height) {
  std::vector<float> cells(48, 0);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::uint8_t* pixel = rgb + (y * width + x) * 3;
      cells[static_cast<std::size_t>(y * 6 / height * 8 + x * 8 / width)] +=
          static_cast<float>(pixel[0] + pixel[1] + pixel[2]);
    }
  }
  const float mean = std::accumulate(cells.begin(), cells.end(), 0.0f) / 48;
  for (float& cell : cells) cell -= mean;
  return cells;
}

// Unordered stills cannot tell the two classes of a pair apart (ReversedVideoIsAVideoOfThePartnerClass: their frames
// are the same), which leaves one half at most. What a single still gives away is measured here: the share of nearest
// neighbours of the right class.
TEST(Synth, StillsTellLittleAtEveryDifficulty) {
  for (const std::string& difficulty : synth::difficulty_names()) {
    SynthOptions options = small_synth("ssv2");
    options.difficulty = difficulty;
    std::vector<std::pair<std::vector<float>, std::size_t>> stills;
    std::vector<std::uint8_t> frames;
    synth::Caption caption;
    for (std::int64_t i = 0; i < 240; ++i) {
      const auto motion_class = static_cast<std::size_t>(i % 12);
      const int count = synth::render(options, {.number = i, .motion_class = motion_class}, frames, caption);
      const std::size_t size = frames.size() / static_cast<std::size_t>(count);
      const std::int64_t place = Rng(7, static_cast<std::uint64_t>(i)).below(count);
      stills.emplace_back(thumbnail(&frames[static_cast<std::size_t>(place) * size], options.width, options.height),
                          motion_class);
    }
    int right = 0;
    for (std::size_t i = 0; i < stills.size(); ++i) {
      float best = 1e30f;
      std::size_t answer = 0;
      for (std::size_t k = 0; k < stills.size(); ++k) {
        if (k == i) continue;
        float apart = 0;
        for (std::size_t c = 0; c < 48; ++c) {
          const float d = stills[i].first[c] - stills[k].first[c];
          apart += d * d;
        }
        if (apart < best) {
          best = apart;
          answer = stills[k].second;
        }
      }
      right += answer == stills[i].second;
    }
    // Easy sets tell squares and circles by colour, which gives away that pair's motion.
    EXPECT_LT(right / 240.0, difficulty == "easy" ? 0.35 : 0.2) << difficulty << "; chance is 0.083";
  }
}

TEST(Synth, EveryCodecGoesIntoEveryLayoutAndTheReadersFindTheVideos) {
  for (const char* format : {"ssv2", "kinetics"}) {
    for (const auto& [codec, suffix] : {std::pair{"vp9", ".webm"}, {"h264", ".mp4"}, {"mpeg4", ".mp4"}}) {
      SCOPED_TRACE(text(format, " ", codec));
      TempFolder folder;
      SynthOptions options = small_synth(format);
      options.codec = codec;
      options.train = 12;
      options.validation = 3;
      EXPECT_EQ(synthesize(folder / "set", options).written, 15);
      for (const char* split : {"train", "validation"}) {
        const Dataset set = open_dataset(small_config(folder / "set"), split);
        ASSERT_EQ(set.samples.size(), std::string(split) == "train" ? 12u : 3u);
        for (const Sample& sample : set.samples) {
          EXPECT_EQ(sample.path.extension(), suffix);
          EXPECT_EQ(video::inspect(sample.path).codec, codec);
        }
      }
      EXPECT_EQ(synthesize(folder / "set", options).kept, 15);
      options.codec = std::string(codec) == "vp9" ? "mpeg4" : "vp9";
      EXPECT_THAT(error_of([&] { synthesize(folder / "set", options); }), HasSubstr("holds videos made with"));
    }
  }
}

TEST(Synth, ACodecThatFfmpegLacksIsRefusedWithTheOthersAtHand) {
  EXPECT_EQ(error_of([] { synth::check_codec("mpeg4", {"mpeg4", "mjpeg", "ffv1"}); }), "");
  EXPECT_EQ(error_of([] {
              synth::check_codec("vp9", {"mpeg4", "mjpeg", "ffv1"});
            }),
            "FFmpeg on this machine cannot encode vp9; give --codec mpeg4");
  EXPECT_EQ(error_of([] {
              synth::check_codec("vp9", {"h264", "mpeg4"});
            }),
            "FFmpeg on this machine cannot encode vp9; give --codec h264 or --codec mpeg4");
  EXPECT_THAT(error_of([] { synth::check_codec("h264", {"ffv1"}); }), HasSubstr("a set needs one of them"));
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
  EXPECT_THAT(refused([](SynthOptions& o) { o.difficulty = "brutal"; }), HasSubstr("easy, medium or hard"));
  EXPECT_THAT(refused([](SynthOptions& o) { o.codec = "av1"; }), HasSubstr("vp9, h264 or mpeg4"));
}

}  // namespace
}  // namespace trecvit::data_test
