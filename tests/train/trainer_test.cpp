#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/file.h"
#include "data/synth/synth.h"
#include "data/video/rgb.h"
#include "data/video/frame_folder.h"
#include "train/checkpoint.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;

// A few real video files, made once for all tests of this program; or those of a set like them in TRECVIT_DATA, for
// machines on which FFmpeg cannot write videos.
class Trainer : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / text("trainer_test_", ::getpid());
    if (const char* made = std::getenv("TRECVIT_DATA")) {
      data_ = made;
      return;
    }
    data_ = root_ / "data";
    synthesize(data_,
               {.train = 36, .validation = 12, .width = 64, .height = 48, .min_frames = 6, .max_frames = 8, .seed = 4});
  }
  static void TearDownTestSuite() { fs::remove_all(root_); }

  static TrainRequest request(const std::string& run, std::int64_t steps) {
    TrainRequest r;
    Config& c = r.config;
    c.model.variant = "mu";
    c.model.head_width = 32;
    c.data.root = data_.string();
    c.data.frames = 4;
    c.data.sampling = "uniform";
    c.data.size = 32;
    c.data.workers = 1;
    c.train.max_steps = steps;
    c.train.global_batch = 6;
    c.train.lr = 1e-3;
    c.train.warmup_epochs = 0;
    c.train.device = "cpu";
    c.model.dropout = 0.1;
    c.eval.every_epochs = 0;
    c.finish();
    r.run_dir = root_ / run;
    return r;
  }

  static std::vector<nlohmann::json> lines(const fs::path& file) {
    std::vector<nlohmann::json> out;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }

  // (step, loss, gradient norm) of every line.
  static std::vector<std::array<double, 3>> curve(const std::string& run) {
    std::vector<std::array<double, 3>> out;
    for (const auto& line : lines(root_ / run / "train.jsonl"))
      out.push_back({line["step"].get<double>(), line["loss"].get<double>(), line["grad_norm"].get<double>()});
    return out;
  }

  static void copy_data(const fs::path& to) { fs::copy(data_, to, fs::copy_options::recursive); }
  // The first ones of the training split.
  static void break_videos(const fs::path& set, int count) {
    for (int i = 1; i <= count; ++i)
      std::ofstream(set / "20bn-something-something-v2" / text(i, ".webm"), std::ios::trunc) << "not a video";
  }

  struct Picture {
    int width = 0, height = 0;
    std::vector<std::uint8_t> rgb;
    std::array<std::uint8_t, 3> at(int x, int y) const {
      const std::uint8_t* p =
          rgb.data() +
          (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) * 3;
      return {p[0], p[1], p[2]};
    }
  };
  // The only one of its folder.
  static Picture read_picture(const fs::path& folder) {
    Picture picture;
    video::FrameFolder pictures(folder);
    EXPECT_EQ(pictures.frames(), 1);
    pictures.decode(std::array<std::int64_t, 1>{0}, [&](std::size_t, const video::Frame& frame) {
      picture = {.width = frame.width, .height = frame.height, .rgb = {}};
      picture.rgb.resize(static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height) * 3);
      video::convert(frame, video::whole(frame), frame.width, frame.height, picture.rgb.data());
    });
    return picture;
  }

  static inline fs::path root_, data_;
  static inline const std::atomic<bool> never_{false};
};

TEST_F(Trainer, ResumesBitIdentically) {
  train(request("whole", 14), never_);
  // Stops after a checkpoint in mid-epoch and 3 more steps that a kill would lose.
  auto first = request("cut", 14);
  first.config.checkpoint.every_steps = 4;
  first.config.train.max_steps = 14;
  train(first, never_);
  const auto folder = root_ / "cut" / "checkpoints";
  fs::remove_all(folder / "step_00000014");  // as if killed before the last save
  fs::remove(folder / "last");
  const auto resumed = train(first, never_);
  EXPECT_EQ(resumed.steps, 14);
  EXPECT_EQ(curve("cut"), curve("whole"));
  EXPECT_EQ(read_file(root_ / "cut/checkpoints/last/model.safetensors"),
            read_file(root_ / "whole/checkpoints/last/model.safetensors"));
}

TEST_F(Trainer, BatchesAndLossesDoNotDependOnWorkers) {
  auto one = request("one", 3), none = request("none", 3);
  none.config.data.workers = 0;
  train(one, never_);
  train(none, never_);
  EXPECT_EQ(curve("one"), curve("none"));
}

TEST_F(Trainer, LearnsAFewVideosByHeart) {
  auto r = request("overfit", 60);
  r.overfit = 6;
  r.config.model.dropout = 0;
  r.config.train.lr = 5e-3;
  r.config.train.label_smoothing = 0;
  const auto result = train(r, never_);
  EXPECT_LT(result.loss, 0.3 * curve("overfit").front()[1]);
}

TEST_F(Trainer, MaskedPretrainingPaintsAPicture) {
  auto r = request("mae", 4);
  r.config.train.objective = "mae";
  r.config.mae = {.mask_ratio = 0.5, .width = 16, .depth = 1, .heads = 2, .mlp_width = 32, .mixer = {.gated_lru = {.lru_width = 16}}};
  train(r, never_);
  // Three rows a clip: the original; what the encoder saw, half of it grey; the reconstruction, the same where it saw.
  const Picture sheet = read_picture(root_ / "mae/reconstructions");
  constexpr int kSide = 32, kClips = 4, kFrames = 4;
  ASSERT_EQ(sheet.width, kFrames * kSide);
  ASSERT_EQ(sheet.height, kClips * 3 * kSide);
  int grey = 0, differ = 0;
  for (int clip = 0; clip < kClips; ++clip) {
    for (int y = clip * 3 * kSide; y < (clip * 3 + 1) * kSide; ++y) {
      for (int x = 0; x < sheet.width; ++x) {
        const auto original = sheet.at(x, y), seen = sheet.at(x, y + kSide), rebuilt = sheet.at(x, y + 2 * kSide);
        if (seen == std::array<std::uint8_t, 3>{128, 128, 128} && seen != original) {
          ++grey;
          differ += rebuilt != seen;
        } else {
          ASSERT_EQ(seen, original) << x << ", " << y;
          ASSERT_EQ(rebuilt, original) << x << ", " << y;
        }
      }
    }
  }
  const double pixels = 1.0 * kClips * kFrames * kSide * kSide;
  EXPECT_NEAR(grey / pixels, 0.5, 0.05);
  EXPECT_GT(differ, grey / 2);
  // Its weights start a classifier: the encoder is taken over, the head stays new.
  auto next = request("from_mae", 1);
  next.init = root_ / "mae/checkpoints/last";
  EXPECT_EQ(train(next, never_).steps, 1);
}

TEST_F(Trainer, SkipsCountsAndRecordsBadVideos) {
  const fs::path copy = root_ / "damaged";
  copy_data(copy);
  break_videos(copy, 2);
  auto r = request("bad", 18);
  r.config.data.root = copy.string();
  r.config.data.max_bad_share = 1;
  const auto result = train(r, never_);
  EXPECT_EQ(result.steps, 18);
  EXPECT_EQ(result.bad_videos, 2 * 3);  // 18 steps are 3 epochs
  std::map<std::string, int> told;
  for (const auto& line : lines(root_ / "bad/bad_videos.jsonl")) {
    ++told[line.at("id")];
    EXPECT_EQ(line.at("during"), "training");
    EXPECT_NE(line.at("error"), "");
  }
  EXPECT_EQ(told, (std::map<std::string, int>{{"1", 3}, {"2", 3}}));
}

// With batches of one video a bad video empties its batch.
TEST_F(Trainer, ABatchOfBadVideosIsNoStep) {
  const fs::path copy = root_ / "empty_batches";
  copy_data(copy);
  break_videos(copy, 6);
  const auto with_gaps = [&](const std::string& run) {
    auto r = request(run, 45);
    r.config.data.root = copy.string();
    r.config.data.max_bad_share = 0.5;
    r.config.train.global_batch = 1;
    r.config.checkpoint.every_steps = 40;
    r.config.log.every_steps = 1;
    return r;
  };
  const auto whole = train(with_gaps("gaps"), never_);
  const auto state = nlohmann::json::parse(read_file(root_ / "gaps/checkpoints/last/state.json"));
  EXPECT_GT(whole.bad_videos, 6);  // more than an epoch
  EXPECT_EQ(state.at("batch").get<std::int64_t>(), 45 + whole.bad_videos);
  EXPECT_EQ(curve("gaps").size(), 45u);

  train(with_gaps("gaps_cut"), never_);
  fs::remove_all(root_ / "gaps_cut/checkpoints/step_00000045");
  fs::remove(root_ / "gaps_cut/checkpoints/last");
  EXPECT_EQ(train(with_gaps("gaps_cut"), never_).bad_videos, whole.bad_videos);
  EXPECT_EQ(curve("gaps_cut"), curve("gaps"));
  EXPECT_EQ(read_file(root_ / "gaps_cut/bad_videos.jsonl"), read_file(root_ / "gaps/bad_videos.jsonl"));
  for (const char* file : {"model.safetensors", "optimizer.safetensors"})
    EXPECT_EQ(read_file(root_ / "gaps_cut/checkpoints/last" / file), read_file(root_ / "gaps/checkpoints/last" / file));
}

TEST_F(Trainer, AnOutageMakesNoStepsAndNoCheckpoints) {
  const fs::path copy = root_ / "outage";
  copy_data(copy);
  auto r = request("outage_run", 12);
  r.config.data.root = copy.string();
  r.config.checkpoint.every_steps = 1;
  train(r, never_);
  fs::remove_all(copy / "20bn-something-something-v2");
  r.config.train.max_steps = 1000;
  for (const double share : {0.1, 1.0}) {
    r.config.data.max_bad_share = share;
    EXPECT_THROW(train(r, never_), Error);
    EXPECT_EQ(fs::read_symlink(root_ / "outage_run/checkpoints/last"), "step_00000012");
    EXPECT_TRUE(fs::exists(root_ / "outage_run/checkpoints/step_00000011"));
  }
}

// Whether a step that is evaluated would be saved anyway or not.
TEST_F(Trainer, TheBestStepIsASavedStep) {
  auto r = request("best", 18);
  r.config.eval.every_epochs = 1;
  r.config.checkpoint = {.every_steps = 5, .keep = 1};
  const auto result = train(r, never_);
  double best = -1;
  std::int64_t best_step = 0;
  for (const auto& line : lines(root_ / "best/metrics.jsonl"))
    if (line["top1"].get<double>() > best) best = line["top1"], best_step = line["step"];
  EXPECT_EQ(result.best_top1, best);
  EXPECT_EQ(nlohmann::json::parse(read_file(root_ / "best/checkpoints/best/state.json")).at("step"), best_step);
}

// As if killed between the metrics and the record of them.
TEST_F(Trainer, AKilledEvaluationIsMadeUpForOnce) {
  auto r = request("evaluated", 6);
  r.config.eval.every_epochs = 1;
  train(r, never_);
  const fs::path folder = root_ / "evaluated";
  const std::string metrics = read_file(folder / "metrics.jsonl");
  const std::string state = read_file(folder / "checkpoints/last/state.json");
  auto before = nlohmann::ordered_json::parse(state);
  before["best_top1"] = -1.0;
  before["best_step"] = before["evaluated_step"] = -1;
  write_file(folder / "checkpoints/last/state.json", before.dump());
  fs::remove(folder / "checkpoints/best");
  write_file(folder / "metrics.jsonl.part77", "{");
  EXPECT_GE(train(r, never_).top1, 0);
  EXPECT_EQ(read_file(folder / "metrics.jsonl"), metrics);
  EXPECT_FALSE(fs::exists(folder / "metrics.jsonl.part77"));
  EXPECT_EQ(read_file(folder / "checkpoints/last/state.json"), state);
  EXPECT_EQ(fs::read_symlink(folder / "checkpoints/best"), "step_00000006");
  EXPECT_EQ(train(r, never_).top1, -1);  // nothing is left to do
  EXPECT_EQ(read_file(folder / "metrics.jsonl"), metrics);
}

TEST_F(Trainer, AStopReachesAnEvaluation) {
  auto r = request("stopped", 6);
  r.config.eval.clips = 1000;
  std::atomic<bool> stop{false}, done{false};
  std::thread watcher([&] {
    while (!done && !fs::exists(root_ / "stopped/checkpoints/last/state.json"))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop = true;  // the step is saved: its evaluation begins
  });
  const auto result = train(r, stop);
  done = true;
  watcher.join();
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.steps, 6);
  EXPECT_EQ(lines(root_ / "stopped/metrics.jsonl").size(), 0u);
  r.config.eval.clips = 1;
  EXPECT_FALSE(train(r, never_).interrupted);
  EXPECT_EQ(lines(root_ / "stopped/metrics.jsonl").size(), 1u);
  EXPECT_TRUE(fs::exists(root_ / "stopped/checkpoints/best/state.json"));
}

TEST_F(Trainer, RefusesACheckpointOfAnotherSize) {
  train(request("small", 1), never_);
  auto wide = request("small", 2);
  wide.config.model.width = 64;
  wide.config.model.mixer.gated_lru.lru_width = 128;
  wide.config.model.mlp_width = 256;
  try {
    train(wide, never_);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("has the shape"), testing::HasSubstr("this model wants")));
  }
}

// The step that went bad is named though the loop looks at its numbers while the next one runs.
TEST_F(Trainer, NamesTheStepThatIsNotFinite) {
  train(request("sound", 1), never_);
  ModelFile file = read_model(root_ / "sound/checkpoints/last");
  std::byte* bytes = nullptr;
  Array broken = allocate_array(Dtype::kF32, file.arrays.at("encoder/encoder_norm/bias").shape, &bytes);
  std::fill_n(reinterpret_cast<float*>(bytes), broken.count(), std::numeric_limits<float>::quiet_NaN());
  file.arrays["encoder/encoder_norm/bias"] = broken;
  write_model(root_ / "broken.safetensors", file.arrays, file.config, file.labels, file.preprocessing);
  auto r = request("broken", 4);
  r.init = root_ / "broken.safetensors";
  try {
    train(r, never_);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("step 0: not a finite number"),
                                             testing::HasSubstr("the gradient of ")));
  }
}

TEST_F(Trainer, WeightsOfOtherClassesNeedANewHead) {
  train(request("classes", 1), never_);
  const fs::path other = root_ / "renamed";
  copy_data(other);
  for (const auto& entry : fs::recursive_directory_iterator(other)) {
    if (entry.path().extension() != ".json") continue;
    std::string content = read_file(entry.path());
    for (std::size_t at = 0; (at = content.find("left", at)) != std::string::npos;) content.replace(at, 4, "west");
    write_file(entry.path(), content);
  }
  auto next = request("renamed_run", 1);
  next.config.data.root = other.string();
  next.init = root_ / "classes/checkpoints/last";
  try {
    train(next, never_);
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("west"), testing::HasSubstr("--new-head")));
  }
  next.new_head = true;
  EXPECT_EQ(train(next, never_).steps, 1);
}

// Mixed batches are drawn from the step, so a resumed run mixes as the whole one.
TEST_F(Trainer, EverythingThatChangesClipsResumesBitIdentically) {
  const auto changed = [](const std::string& run) {
    auto r = request(run, 6);
    r.config.augment.repeats = 2;
    r.config.augment.crop = "multi_scale";
    r.config.augment.hue = 0.1;
    r.config.augment.rand_augment = 3;
    r.config.augment.erase = 0.5;
    r.config.augment.mixup = 0.8;
    r.config.augment.cutmix = 1;
    r.config.checkpoint.every_steps = 3;
    return r;
  };
  train(changed("mixed"), never_);
  train(changed("mixed_cut"), never_);
  fs::remove_all(root_ / "mixed_cut/checkpoints/step_00000006");
  fs::remove(root_ / "mixed_cut/checkpoints/last");
  EXPECT_EQ(train(changed("mixed_cut"), never_).steps, 6);
  EXPECT_EQ(curve("mixed_cut"), curve("mixed"));
}

// Steps overlap, and one that ends an epoch is settled at once: still every line tells of its own time.
TEST_F(Trainer, TimesOfTheLogAddUp) {
  auto r = request("times", 9);
  r.config.log.every_steps = 1;
  r.config.checkpoint.every_steps = 2;
  const TrainResult result = train(r, never_);
  double seconds = 0;
  for (const auto& line : lines(root_ / "times/train.jsonl")) {
    seconds += 6 / line.at("clips_per_s").get<double>();
    EXPECT_GE(line.at("data_wait").get<double>(), 0);
    EXPECT_LE(line.at("data_wait").get<double>(), 1);
  }
  EXPECT_NEAR(seconds, result.seconds, 1e-6 * result.seconds);
}

TEST_F(Trainer, ResumeNoneRefusesAnOldRun) {
  train(request("old", 1), never_);
  auto again = request("old", 2);
  again.resume = "none";
  EXPECT_THROW(train(again, never_), UsageError);
}

TEST_F(Trainer, GpuFollowsTheCpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  train(request("cpu", 12), never_);
  const auto a = curve("cpu");
  for (const std::string convert : {"cpu", "gpu"}) {  // where frames become RGB
    auto gpu = request("gpu_" + convert, 12);
    gpu.config.train.device = "cuda:0";
    gpu.config.data.convert = convert;
    train(gpu, never_);
    const auto b = curve("gpu_" + convert);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i)
      EXPECT_NEAR(a[i][1], b[i][1], 2e-3) << "step " << i + 1 << ", " << convert;
  }
}

TEST_F(Trainer, ConversionOnAGpuWantsOne) {
  auto without = request("without", 1);
  without.config.data.convert = "gpu";
  EXPECT_THROW(train(without, never_), UsageError);
}

}  // namespace
}  // namespace trecvit
