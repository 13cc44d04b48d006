#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "data/synth/synth.h"
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
  r.config.mae = {.mask_ratio = 0.5, .width = 16, .depth = 1, .heads = 2, .mlp_width = 32, .lru_width = 16};
  train(r, never_);
  EXPECT_GT(fs::file_size(root_ / "mae/reconstructions/step_4.png"), 100u);
  // Its weights start a classifier: the encoder is taken over, the head stays new.
  auto next = request("from_mae", 1);
  next.init = root_ / "mae/checkpoints/last";
  EXPECT_EQ(train(next, never_).steps, 1);
}

TEST_F(Trainer, SkipsCountsAndRecordsBadVideos) {
  const fs::path copy = root_ / "damaged";
  fs::copy(root_ / "data", copy, fs::copy_options::recursive);
  std::int64_t broken = 0;
  for (const auto& entry : fs::directory_iterator(copy / "20bn-something-something-v2")) {
    if (++broken > 2) break;
    std::ofstream(entry.path(), std::ios::trunc) << "not a video";
  }
  auto r = request("bad", 18);
  r.config.data.root = copy.string();
  r.config.data.max_bad_share = 1;
  const auto result = train(r, never_);
  EXPECT_EQ(result.steps, 18);
  EXPECT_EQ(static_cast<std::size_t>(result.bad_videos) <= lines(root_ / "bad/bad_videos.jsonl").size(), true);
  EXPECT_GT(lines(root_ / "bad/bad_videos.jsonl").size(), 0u);
}

TEST_F(Trainer, RefusesACheckpointOfAnotherSize) {
  train(request("small", 1), never_);
  auto wide = request("small", 2);
  wide.config.model.width = 64;
  wide.config.model.lru_width = 128;
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
  fs::copy(root_ / "data", other, fs::copy_options::recursive);
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
