// Small work runs on one thread, whatever number is allowed; large work takes them all.
#include "model/threads.h"

#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/model_fixture.h"

namespace trecvit {
namespace {

int most_threads = 0, operations = 0;

// The most threads that any LibTorch operation of `work` could take.
template <class F>
int threads_within(const F& work) {
  most_threads = operations = 0;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction&) -> std::unique_ptr<at::ObserverContext> {
        most_threads = std::max(most_threads, at::get_num_threads());
        ++operations;
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  work();
  at::removeCallback(handle);
  EXPECT_GT(operations, 10);
  return most_threads;
}

class Threads : public testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(3); }
  void TearDown() override { at::set_num_threads(before_); }
  const int before_ = at::get_num_threads();
};

TEST_F(Threads, FrameOfASmallModelTakesOne) {
  const SmallModel model;
  const at::NoGradGuard no_grad;
  ModelState state = model.net.make_state(1);
  const at::Tensor frame = noise_video(1, 1);
  EXPECT_EQ(threads_within([&] { model.net.classify_streams(frame, state); }), 1);
  EXPECT_EQ(at::get_num_threads(), 3);
}

TEST_F(Threads, ManyFramesTakeAllThatAreAllowed) {
  ModelConfig config = small_config();
  config.width = 64;
  config.mixer.gated_lru.lru_width = 128;
  config.mlp_width = 256;
  const SmallModel model(7, config);
  const at::NoGradGuard no_grad;
  const at::Tensor video = noise_video(16, 24);
  ASSERT_EQ(threads_for(config, 16 * 24, 3), 3);
  EXPECT_EQ(threads_within([&] { model.net.classify_clips(video); }), 3);
}

TEST_F(Threads, NumberIsBackAfterAFailure) {
  const SmallModel model;
  EXPECT_ANY_THROW(model.net.classify_clips(at::zeros({1, 1, 8, 12, 4})));
  EXPECT_EQ(at::get_num_threads(), 3);
}

TEST_F(Threads, NumberFollowsFromTheWork) {
  const auto of = [](const char* variant, std::int64_t frames, int allowed) {
    ModelConfig config;
    config.variant = variant;
    config.classes = 400;
    config.resolve(224);
    return threads_for(config, frames, allowed);
  };
  EXPECT_EQ(of("mu", 1, 64), 1);
  EXPECT_EQ(of("Ti", 1, 2), 2);
  EXPECT_LE(of("Ti", 1, 64), 8);
  EXPECT_EQ(of("B", 1, 64), 64);
  EXPECT_EQ(of("B", 1, 0), 1);
  EXPECT_EQ(of("mu", 32 * 64, 16), 16);
}

}  // namespace
}  // namespace trecvit
