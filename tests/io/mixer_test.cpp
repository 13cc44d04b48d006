// A temporal mixer of one's own: everything that is asked of mixers works for it, and no file of the engine knows it.
#include <gtest/gtest.h>

#include "core/error.h"
#include "io/model_file.h"
#include "model/cost.h"
#include "model/model_fixture.h"
#include "nn/causal_mean_mixer.h"

namespace trecvit {
namespace {

using at::Tensor;

ModelConfig mixed_config(std::vector<std::string> mixers) {
  nn::register_causal_mean();
  ModelConfig config = small_config();
  config.depth = 4;
  config.mixers = std::move(mixers);
  config.check();
  return config;
}

struct MixedModel {
  explicit MixedModel(std::vector<std::string> mixers) : net(store, mixed_config(std::move(mixers))) {
    store.allocate(at::kCPU);
    store.initialise(3);
  }
  nn::ParameterStore store;
  TRecViT net;
};

class OwnMixer : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(OwnMixer, ClipsChunksAndFramesAgree) {
  const MixedModel model(GetParam());
  const at::NoGradGuard no_grad;
  const Tensor video = noise_video(9, 2);
  const Tensor clip = model.net.classify_clips(video).logits;
  for (const std::int64_t piece : {1, 3, 9}) {
    ModelState state = model.net.make_state(3);
    Tensor logits;
    for (std::int64_t t = 0; t < 9; t += piece)
      logits = model.net.classify_streams(video.narrow(0, t, piece), state, at::tensor({2, 0}, at::kLong)).logits;
    EXPECT_LT(largest_difference(logits, clip), 1e-5) << piece;
  }
}

TEST_P(OwnMixer, Trains) {
  const MixedModel model(GetParam());
  const Tensor video = noise_video(6, 4), labels = at::tensor({0, 1, 2, 3}, at::kLong);
  double first = 0, last = 0;
  for (int step = 0; step < 20; ++step) {
    model.store.flat_grad().zero_();
    const Tensor loss = at::cross_entropy_loss(model.net.classify_clips(video).logits, labels);
    loss.backward();
    last = loss.item<double>();
    if (step == 0) first = last;
    const at::NoGradGuard no_grad;
    model.store.flat().sub_(0.05 * model.store.flat_grad());
  }
  EXPECT_LT(last, first - 0.1);
  for (const auto& p : model.store.all())
    if (p.parts.front().name.ends_with("causal_mean/gain")) {
      EXPECT_GT(p.value.grad().abs().max().item<double>(), 0) << p.parts.front().name;
    }
}

TEST_P(OwnMixer, SavesResetsAndResumes) {
  const MixedModel model(GetParam());
  const at::NoGradGuard no_grad;
  const Tensor before = noise_video(5, 2, 1), after = noise_video(3, 2, 2);
  ModelState state = model.net.make_state(2), loaded = model.net.make_state(2), fresh = model.net.make_state(2);
  model.net.classify_streams(before, state);
  loaded.load(state.save());
  EXPECT_TRUE(at::equal(model.net.classify_streams(after, loaded).logits, model.net.classify_streams(after, state).logits));
  state.reset(0);
  const Tensor reset = model.net.classify_streams(after, state).logits, start = model.net.classify_streams(after, fresh).logits;
  EXPECT_TRUE(at::equal(reset[0], start[0]));
  EXPECT_FALSE(at::equal(reset[1], start[1]));
}

TEST_P(OwnMixer, FilesAreRecognised) {
  const MixedModel model(GetParam());
  const NamedArrays arrays = parameter_arrays(model.store);
  const ModelConfig found = infer_config(arrays, "arrays");
  for (std::int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(mixer_of_layer(found.mixers, i), mixer_of_layer(model.net.config().mixers, i)) << i;
  MixedModel other(GetParam());
  {
    const at::NoGradGuard no_grad;
    other.store.flat().zero_();
  }
  load_parameters(other.store, arrays, "arrays");
  EXPECT_TRUE(at::equal(other.store.flat(), model.store.flat()));
}

TEST_P(OwnMixer, CostsAreKnown) {
  const ModelConfig config = mixed_config(GetParam()), usual = mixed_config({"gated_lru"});
  EXPECT_LT(forward_flops(config), forward_flops(usual));
  EXPECT_LT(stream_state_bytes(config), stream_state_bytes(usual));
  const MixedModel model(GetParam());
  EXPECT_EQ(model.net.make_state(2).bytes(), 2 * stream_state_bytes(config));
}

INSTANTIATE_TEST_SUITE_P(Patterns, OwnMixer,
                         testing::Values(std::vector<std::string>{"causal_mean"},
                                         std::vector<std::string>{"gated_lru", "causal_mean"},
                                         std::vector<std::string>{"gated_lru", "gated_lru", "causal_mean"}));

TEST(Mixers, WrongPatternsAreRefused) {
  nn::register_causal_mean();
  for (const std::vector<std::string>& pattern :
       {std::vector<std::string>{}, {"lstm"}, {"gated_lru", "gated_lru", "gated_lru", "gated_lru", "gated_lru"}})
    EXPECT_THROW(mixed_config(pattern), UsageError);
  EXPECT_THROW(register_mixer_kind(std::make_unique<nn::CausalMeanKind>()), Error);
}

}  // namespace
}  // namespace trecvit
