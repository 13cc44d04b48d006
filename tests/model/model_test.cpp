// One implementation of frame, chunk and clip: all ways to feed it agree, and streams do not see each other.
#include <gtest/gtest.h>

#include "model/model_fixture.h"
#include "nn/tensors.h"

namespace trecvit {
namespace {

using at::Tensor;

constexpr double kTolerance = 1e-5;  // fp32, other shapes of the same products
constexpr std::int64_t kFrames = 13;

struct Answers {
  Tensor logits, encoded, pre_logits;
};

// Feeds `video` to `state` in pieces of so many frames, the last one again and again until the end.
Answers feed(const TRecViT& net, const Tensor& video, const std::vector<std::int64_t>& pieces, ModelState& state) {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> encoded, pre_logits;
  Answers run;
  std::size_t piece = 0;
  for (std::int64_t t = 0; t < video.size(0);) {
    const std::int64_t n = std::min(pieces[std::min(piece++, pieces.size() - 1)], video.size(0) - t);
    nn::Trace trace;
    const auto output = net.classify_streams(video.narrow(0, t, n), state, {}, &trace);
    encoded.push_back(trace.encoded);
    pre_logits.push_back(output.pre_logits);
    run.logits = output.logits;
    t += n;
  }
  run.encoded = at::cat(encoded);
  run.pre_logits = at::cat(pre_logits);
  return run;
}

Answers whole(const TRecViT& net, const Tensor& video) {
  const at::NoGradGuard no_grad;
  nn::Trace trace;
  const auto output = net.classify_clips(video, {}, &trace);
  return {output.logits, trace.encoded, output.pre_logits};
}

void expect_same_state(const ModelState& a, const ModelState& b, std::int64_t stream) {
  for (std::size_t i = 0; i < a.layers.size(); ++i)
    for (std::size_t k = 0; k < a.layers[i]->fields().size(); ++k) {
      const Tensor &x = a.layers[i]->tensor(k), &y = b.layers[i]->tensor(k);
      const std::int64_t rows = x.size(0) / a.slots();
      EXPECT_TRUE(at::equal(x.narrow(0, stream * rows, rows), y.narrow(0, stream * rows, rows))) << i << " " << k;
    }
  EXPECT_TRUE(at::equal(a.head_sum[stream], b.head_sum[stream]));
  EXPECT_TRUE(at::equal(a.frames_processed[stream], b.frames_processed[stream]));
}

TEST(Model, ClipFramesAndChunksAgree) {
  const SmallModel model;
  const Tensor video = noise_video(kFrames, 2);
  const Answers clip = whole(model.net, video);
  for (const std::vector<std::int64_t>& pieces : {std::vector<std::int64_t>{kFrames}, {1}, {1, 3, 7, kFrames}}) {
    ModelState state = model.net.make_state(2);
    const Answers run = feed(model.net, video, pieces, state);
    EXPECT_LT(largest_difference(run.encoded, clip.encoded), kTolerance) << "pieces of " << pieces.front();
    EXPECT_LT(largest_difference(run.logits, clip.logits), kTolerance) << "pieces of " << pieces.front();
    EXPECT_TRUE(at::equal(state.frames_processed, at::full({2}, kFrames, at::kLong)));
  }
}

TEST(Model, TimeMatters) {
  const SmallModel model;
  const Tensor video = noise_video(kFrames, 1);
  EXPECT_GT(largest_difference(whole(model.net, video).encoded[kFrames - 1],
                               whole(model.net, video.narrow(0, kFrames - 1, 1)).encoded[0]),
            1e-2);
}

TEST(Model, BytesAndFloatsAreTheSameLevels) {
  const SmallModel model;
  const Tensor bytes = (noise_video(3, 1) * 255).round().to(at::kByte);
  EXPECT_LT(largest_difference(whole(model.net, bytes).logits, whole(model.net, bytes.to(at::kFloat) / 255).logits),
            kTolerance);
}

TEST(Model, ResetStreamIsAFreshOneAndLeavesTheOtherAlone) {
  const SmallModel model;
  const Tensor before = noise_video(5, 2, 1), after = noise_video(4, 2, 2);
  ModelState state = model.net.make_state(2), other = model.net.make_state(2), fresh = model.net.make_state(2);
  feed(model.net, before, {2}, state);
  feed(model.net, before, {2}, other);
  state.reset(0);
  expect_same_state(state, fresh, 0);
  expect_same_state(state, other, 1);

  const Answers reset = feed(model.net, after, {1}, state), gone_on = feed(model.net, after, {1}, other);
  const Answers new_run = feed(model.net, after, {1}, fresh);
  EXPECT_TRUE(at::equal(reset.encoded.select(1, 0), new_run.encoded.select(1, 0)));
  EXPECT_TRUE(at::equal(reset.logits[0], new_run.logits[0]));
  EXPECT_TRUE(at::equal(reset.encoded.select(1, 1), gone_on.encoded.select(1, 1)));
  EXPECT_TRUE(at::equal(reset.logits[1], gone_on.logits[1]));
  EXPECT_FALSE(at::equal(reset.logits[0], gone_on.logits[0]));
}

TEST(Model, ClonedAndSavedStreamsGoOnBitForBit) {
  const SmallModel model;
  const Tensor before = noise_video(5, 2, 1), after = noise_video(4, 2, 2);
  ModelState state = model.net.make_state(2);
  feed(model.net, before, {5}, state);
  const NamedArrays saved = state.save();
  ModelState loaded = model.net.make_state(2), cloned = state.clone();
  loaded.load(saved);
  const Answers wanted = feed(model.net, after, {1}, state);
  // The original has moved on; a clone that shared its memory would have moved too.
  for (ModelState* copy : {&cloned, &loaded}) {
    const Answers run = feed(model.net, after, {1}, *copy);
    EXPECT_TRUE(at::equal(run.encoded, wanted.encoded));
    EXPECT_TRUE(at::equal(run.logits, wanted.logits));
    for (const std::int64_t stream : {0, 1}) expect_same_state(*copy, state, stream);
  }
}

// A file holds the last inputs of the convolution oldest first, however many frames came: what one frame later are the
// first two of three were the last two.
TEST(Model, SavedRingsAreInOrder) {
  const SmallModel model;
  const Tensor video = noise_video(7, 2);
  ModelState state = model.net.make_state(2);
  state.frames_processed[1].fill_(4);  // a stream with another past
  const auto saved_inputs = [&] { return to_tensor(state.save().at("layer_01/1")).clone(); };
  Tensor before = saved_inputs();
  for (std::int64_t t = 0; t < video.size(0); ++t) {
    const at::NoGradGuard no_grad;
    model.net.classify_streams(video.narrow(0, t, 1), state);
    const Tensor after = saved_inputs();
    EXPECT_TRUE(at::equal(after.narrow(1, 0, 2), before.narrow(1, 1, 2))) << t;
    EXPECT_FALSE(at::equal(after.select(1, 2), before.select(1, 2))) << t;
    before = after;
  }
}

// The classifier's answer, and every gradient, is that of a model that calculates all tokens to the end.
TEST(Model, ClsAloneBehindTheLastAttentionIsEnough) {
  const SmallModel model;
  const Tensor video = noise_video(5, 2);
  const auto run = [&](nn::Trace* trace) {
    model.store.flat_grad().zero_();
    const Tensor logits = model.net.classify_clips(video, {}, trace).logits;
    logits.square().sum().backward();
    return std::pair{logits.detach(), model.store.flat_grad().clone()};
  };
  nn::Trace trace;
  const auto [cls, cls_gradient] = run(nullptr);
  const auto [all, all_gradient] = run(&trace);
  EXPECT_EQ(trace.encoded.size(2), model.net.config().tokens());
  EXPECT_LT(largest_difference(cls, all), kTolerance);
  EXPECT_LT((cls_gradient - all_gradient).norm().item<double>(), kTolerance * all_gradient.norm().item<double>());
}

TEST(Model, LongStreamsLoseNoFrame) {
  const SmallModel model;
  ModelState state = model.net.make_state(1);
  constexpr double kBefore = 1 << 26;  // here fp32 counts in steps of 8
  state.head_sum.fill_(kBefore);
  state.frames_processed.fill_(1 << 26);
  const Tensor video = noise_video(5, 1);
  const Answers run = feed(model.net, video, {1}, state);
  const Tensor seen = run.pre_logits.to(at::kDouble).sum(0);
  EXPECT_LT(largest_difference(state.head_sum - kBefore, seen), 1e-6);
  const Tensor mean = ((seen + kBefore) / (kBefore + 5)).to(at::kFloat);
  Tensor kernel, bias;
  for (const auto& p : model.store.all()) {
    if (p.parts.front().name == "decoder/cls_head/kernel") kernel = p.value.detach();
    if (p.parts.front().name == "decoder/cls_head/bias") bias = p.value.detach();
  }
  EXPECT_LT(largest_difference(run.logits, at::addmm(bias, mean, kernel)), 1e-6);
}

// Nothing adds up over a long stream: thousands of frames later it still says what the whole clip says.
TEST(Model, LongStreamsAgreeWithTheClip) {
  const SmallModel model;
  const Tensor video = noise_video(2000, 1);
  ModelState state = model.net.make_state(1);
  const Answers streamed = feed(model.net, video, {1}, state), clip = whole(model.net, video);
  EXPECT_LT(largest_difference(streamed.encoded, clip.encoded), kTolerance);
  EXPECT_LT(largest_difference(streamed.logits, clip.logits), kTolerance);
}

// A step of some slots answers as a state of these streams alone would, and leaves the others untouched.
TEST(Model, AStepAdvancesItsSlotsAlone) {
  const SmallModel model;
  const Tensor video = noise_video(3, 2), slots = at::tensor({3, 1}, at::kLong);
  ModelState all = model.net.make_state(4), alone = model.net.make_state(2);
  const at::NoGradGuard no_grad;
  model.net.classify_streams(noise_video(2, 4, 9), all);  // every slot has a past
  alone.scatter({0, 1}, all.gather({3, 1}));
  const ModelState before = all.clone();
  for (std::int64_t t = 0; t < video.size(0); ++t) {
    const auto some = model.net.classify_streams(video.narrow(0, t, 1), all, slots);
    const auto only = model.net.classify_streams(video.narrow(0, t, 1), alone);
    EXPECT_TRUE(at::equal(some.logits, only.logits)) << t;
    EXPECT_TRUE(at::equal(some.frame_logits, only.frame_logits)) << t;
  }
  const ModelState taken = all.gather({3, 1});
  for (const std::int64_t stream : {0, 1}) expect_same_state(taken, alone, stream);
  for (const std::int64_t slot : {0, 2}) expect_same_state(all, before, slot);
}

TEST(Model, StateOfAnotherModelIsRefusedAndChangesNothing) {
  const SmallModel model;
  ModelState state = model.net.make_state(2);
  feed(model.net, noise_video(3, 2), {1}, state);
  const ModelState before = state.clone();
  EXPECT_THROW(state.load(model.net.make_state(1).save()), Error);
  for (const char* name : {"head_sum", "frames", "layer_00/1", "layer_01/0"}) {
    NamedArrays lacking = model.net.make_state(2).save();
    lacking.erase(name);
    EXPECT_THROW(state.load(lacking), Error) << name;
  }
  NamedArrays negative = model.net.make_state(2).save();
  negative["frames"] = to_array(at::tensor({3, -1}, at::kLong));
  EXPECT_THROW(state.load(negative), Error);
  for (const std::int64_t stream : {0, 1}) expect_same_state(state, before, stream);
}

// The one that is wrong is the last to be looked at.
TEST(Model, StateThatIsRefusedChangesNothing) {
  const SmallModel model;
  ModelState seen = model.net.make_state(2);
  feed(model.net, noise_video(kFrames, 2), {kFrames}, seen);
  const NamedArrays good = seen.save();
  ModelState state = model.net.make_state(2);
  const ModelState before = state.clone();
  const auto refuse = [&](NamedArrays arrays) {
    EXPECT_THROW(state.load(arrays), Error);
    for (const std::int64_t stream : {0, 1}) expect_same_state(state, before, stream);
  };
  NamedArrays other = good;
  std::string last;
  for (const auto& [name, array] : good)
    if (name.starts_with("layer_")) last = std::max(last, name);
  other[last] = good.at("head_sum");
  refuse(other);
  other = good;
  other.erase(last);
  refuse(other);
  other = good;
  other[last] = to_array(at::zeros(good.at(last).shape, at::kLong));
  refuse(other);
  for (const std::int64_t frames :
       {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    other = good;
    other["frames"] = to_array(at::tensor({std::int64_t{3}, frames}));
    refuse(other);
  }
  state.load(good);
  for (const std::int64_t stream : {0, 1}) expect_same_state(state, seen, stream);
}

TEST(Model, LaterFramesDoNotReachEarlierOnes) {
  const SmallModel model;
  const Tensor video = noise_video(kFrames, 2);
  const Answers run = whole(model.net, video);
  for (const std::int64_t t : {1L, 6L, kFrames - 1}) {
    Tensor changed = video.clone();
    changed[t].copy_(1 - changed[t]);
    const Answers other = whole(model.net, changed);
    EXPECT_TRUE(at::equal(run.pre_logits.narrow(0, 0, t), other.pre_logits.narrow(0, 0, t))) << "frame " << t;
    EXPECT_FALSE(at::equal(run.pre_logits[t], other.pre_logits[t])) << "frame " << t;
  }
}

TEST(Model, Bf16IsFiniteAndNear) {
  SmallModel model;
  const Tensor video = noise_video(kFrames, 2);
  const Answers wanted = whole(model.net, video);
  model.net.set_dtype(at::kBFloat16);
  model.net.cast_weights();
  const Answers clip = whole(model.net, video);
  ModelState state = model.net.make_state(2);
  const Answers frames = feed(model.net, video, {1}, state);
  const double scale = wanted.logits.abs().max().item<double>();
  for (const Answers* run : {&clip, &frames}) {
    EXPECT_EQ(run->logits.scalar_type(), at::kFloat);
    EXPECT_TRUE(at::isfinite(run->logits).all().item<bool>());
    EXPECT_LT(largest_difference(run->logits, wanted.logits), 0.05 * scale + 0.02);
  }
  EXPECT_FALSE(at::equal(clip.logits, wanted.logits));
}

}  // namespace
}  // namespace trecvit
