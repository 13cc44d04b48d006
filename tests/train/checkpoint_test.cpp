// Kills at every moment of a save are the campaign's; here are the states that they leave behind.
#include "train/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/file.h"
#include "train/whole_folder.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() : root_(fs::temp_directory_path() / text("checkpoint_test_", ::getpid())) {
    fs::remove_all(root_);
    fs::create_directories(root_);
    config_.variant = "mu";
    config_.classes = 2;
    config_.head_width = 4;
    config_.resolve(16);
    net_ = std::make_unique<TRecViT>(store_, config_);
    store_.allocate(at::kCPU);
    store_.initialise(1);
    optimizer_ = std::make_unique<AdamW>(store_.flat(), store_.decayed_count(), AdamWOptions{});
  }
  ~CheckpointTest() override { fs::remove_all(root_); }

  Checkpoints keeping(std::int64_t keep) const { return {root_ / "checkpoints", keep}; }
  void save(const Checkpoints& checkpoints, TrainProgress progress) {
    progress.batch = progress.step;
    optimizer_->steps = progress.step;
    checkpoints.save(store_, *optimizer_, progress, config_, {"a", "b"}, {});
  }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root_ / "checkpoints"))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path at(const std::string& name) const { return root_ / "checkpoints" / name; }
  std::string target(const char* link) const { return fs::read_symlink(at(link)).string(); }

  fs::path root_;
  ModelConfig config_;
  nn::ParameterStore store_;
  std::unique_ptr<TRecViT> net_;
  std::unique_ptr<AdamW> optimizer_;
};

using Names = std::vector<std::string>;

// A kill between two system calls leaves what another thread can see between them.
TEST_F(CheckpointTest, ASavedStepIsThereAtEveryMomentWhileItIsSavedAgain) {
  const Checkpoints checkpoints = keeping(1);
  save(checkpoints, {.step = 7});
  std::atomic<bool> done{false};
  std::int64_t looks = 0, misses = 0;
  std::thread watcher([&] {
    for (std::error_code ignored; !done; ++looks) misses += !fs::is_directory(at("last"), ignored);
  });
  for (int i = 0; i < 60; ++i) save(checkpoints, {.step = 7, .seconds = 1.0 * i});
  done = true;
  watcher.join();
  EXPECT_EQ(misses, 0) << "of " << looks;
  EXPECT_EQ(Checkpoints::load(checkpoints.newest(), store_, *optimizer_).seconds, 59);
  EXPECT_EQ(left(), (Names{"last", "step_00000007"}));
}

TEST_F(CheckpointTest, WithoutExchangeAFolderIsReplacedAllTheSame) {
  for (const bool exchange : {true, false}) {
    for (const char* content : {"first", "second"}) {
      fs::create_directories(root_ / "step_1.part");
      write_file(root_ / "step_1.part" / "file", content);
      put_in_place(root_ / "step_1", exchange);
      EXPECT_EQ(read_file(root_ / "step_1/file"), content);
      EXPECT_FALSE(fs::exists(root_ / "step_1.part"));
      EXPECT_FALSE(fs::exists(root_ / "step_1.old"));
    }
    fs::remove_all(root_ / "step_1");
  }
}

TEST_F(CheckpointTest, AKillBetweenTheTwoRenamesLosesNothing) {
  const Checkpoints checkpoints = keeping(2);
  save(checkpoints, {.step = 3});
  fs::copy(at("step_00000003"), at("step_00000003.part"));
  fs::rename(at("step_00000003"), at("step_00000003.old"));
  checkpoints.mend();
  EXPECT_EQ(left(), (Names{"last", "step_00000003"}));
  EXPECT_EQ(Checkpoints::load(checkpoints.newest(), store_, *optimizer_).step, 3);
}

TEST_F(CheckpointTest, AKillBeforeTheLinkMovesGoesOnFromTheNewStep) {
  const Checkpoints checkpoints = keeping(2);
  save(checkpoints, {.step = 3});
  save(checkpoints, {.step = 4});
  fs::rename(at("last"), at("last.new"));
  fs::create_directory_symlink("step_00000003", at("last"));
  checkpoints.mend();
  EXPECT_EQ(checkpoints.newest().filename(), "step_00000004");
  EXPECT_EQ(left(), (Names{"last", "step_00000003", "step_00000004"}));
}

TEST_F(CheckpointTest, WhatAKillLeavesIsClearedAndNeverTakenForACheckpoint) {
  const Checkpoints checkpoints = keeping(2);
  save(checkpoints, {.step = 3});
  fs::copy(at("step_00000003"), at("step_00000004.part"));
  fs::copy(at("step_00000003"), at("step_00000003.old"));
  fs::create_directory_symlink("step_00000002", at("last.new"));
  write_file(at("step_00000003") / "state.json.part123", "{");
  fs::create_directory(at("step_00000009"));  // without a file
  fs::remove(at("last"));
  EXPECT_EQ(checkpoints.newest().filename(), "step_00000003");
  checkpoints.mend();
  EXPECT_EQ(left(), (Names{"step_00000003", "step_00000009"}));
  EXPECT_EQ(checkpoints.newest().filename(), "step_00000003");
  EXPECT_FALSE(fs::exists(at("step_00000003") / "state.json.part123"));
}

TEST_F(CheckpointTest, TheBestStaysUntilAnotherIsBest) {
  const Checkpoints checkpoints = keeping(1);
  TrainProgress progress;
  for (const double top1 : {0.2, 0.5, 0.1, 0.4, 0.6}) {
    ++progress.step;
    save(checkpoints, progress);
    EXPECT_EQ(fs::exists(at("best") / "state.json"), progress.best_step >= 0) << progress.step;
    progress.evaluated_step = progress.step;
    if (top1 > progress.best_top1) {
      progress.best_top1 = top1;
      progress.best_step = progress.step;
    }
    checkpoints.record(progress);
    EXPECT_EQ(target("best"), text("step_0000000", progress.best_step));
    EXPECT_TRUE(fs::exists(at("best") / "state.json")) << progress.step;
  }
  EXPECT_EQ(left(), (Names{"best", "last", "step_00000005"}));
}

// Killed after the record was written, before the link was moved and the older folder removed.
TEST_F(CheckpointTest, GoingOnFinishesWhatAKillInterrupted) {
  const Checkpoints checkpoints = keeping(1);
  save(checkpoints, {.step = 1});
  checkpoints.record({.step = 1, .batch = 1, .best_top1 = 0.1, .best_step = 1, .evaluated_step = 1});
  save(checkpoints, {.step = 2, .best_top1 = 0.1, .best_step = 1, .evaluated_step = 1});
  checkpoints.record({.step = 2, .batch = 2, .best_top1 = 0.3, .best_step = 2, .evaluated_step = 2});
  fs::copy(at("step_00000002"), at("step_00000001"));
  fs::remove(at("best"));
  fs::create_directory_symlink("step_00000001", at("best"));
  TrainProgress progress = Checkpoints::load(checkpoints.newest(), store_, *optimizer_);
  checkpoints.go_on(checkpoints.newest(), progress);
  EXPECT_EQ(target("best"), "step_00000002");
  EXPECT_EQ(left(), (Names{"best", "last", "step_00000002"}));
  EXPECT_EQ(progress.best_step, 2);
}

TEST_F(CheckpointTest, ABestOfAnotherRunIsForgotten) {
  save(keeping(1), {.step = 1, .best_top1 = 0.9, .best_step = 1});
  const Checkpoints other(root_ / "other/checkpoints", 1);
  TrainProgress progress = Checkpoints::load(at("last"), store_, *optimizer_);
  other.go_on(at("last"), progress);
  EXPECT_EQ(progress.best_step, -1);
  EXPECT_EQ(progress.best_top1, -1);
}

// `last` is before them: the run was taken up again at an earlier step.
TEST_F(CheckpointTest, LaterStepsStayWhenARunIsTakenUpEarlier) {
  const Checkpoints checkpoints = keeping(2);
  for (const std::int64_t step : {8, 9, 1, 2, 3}) save(checkpoints, {.step = step});
  EXPECT_EQ(left(), (Names{"last", "step_00000002", "step_00000003", "step_00000008", "step_00000009"}));
  EXPECT_EQ(checkpoints.newest().filename(), "step_00000003");
}

TEST_F(CheckpointTest, AStateThatCannotBeIsDamaged) {
  save(keeping(1), {.step = 1});
  for (const char* state :
       {"", "[]", R"({"step": -1})", R"({"step":5,"batch":4,"seconds":0,"best_top1":0,"best_step":1,"bad_videos":0})",
        R"({"step":-5,"seconds":0,"best_top1":0,"best_step":1,"bad_videos":0})",
        R"({"step":5,"seconds":0,"best_top1":0,"best_step":1,"bad_videos":0,"recent_bad":"x"})"}) {
    write_file(at("last") / "state.json", state);
    EXPECT_THROW(Checkpoints::load(at("last"), store_, *optimizer_), Error) << state;
  }
}

}  // namespace
}  // namespace trecvit
