// Shapes that no vector divides: legal, and the same on a GPU as on the CPU.
#include <gtest/gtest.h>

#include "model/model_fixture.h"

namespace trecvit {
namespace {

struct OddShape {
  const char* name;
  std::int64_t patch, width, heads, lru_width, head_width, classes;
};

void PrintTo(const OddShape& shape, std::ostream* out) { *out << shape.name; }

ModelConfig config_of(const OddShape& shape) {
  ModelConfig config = small_config();
  config.patch = shape.patch, config.image_height = 2 * shape.patch, config.image_width = 3 * shape.patch;
  config.width = shape.width;
  config.heads = shape.heads;
  config.mixer.gated_lru.lru_width = shape.lru_width;
  config.mlp_width = 2 * shape.width + 1;
  config.head_width = shape.head_width, config.classes = shape.classes;
  config.check();
  return config;
}

at::Tensor video_of(const ModelConfig& config, std::int64_t frames, std::int64_t clips) {
  at::manual_seed(4);
  return at::randint(0, 256, {frames, clips, config.image_height, config.image_width, 3},
                     at::TensorOptions().dtype(at::kByte));
}

// The L2 norm of the difference over that of the expected.
double relative(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor a = actual.detach().to(at::kCPU, at::kDouble), e = expected.detach().to(at::kCPU, at::kDouble);
  return (a - e).norm().item<double>() / std::max(1e-12, e.norm().item<double>());
}

struct Answers {
  at::Tensor clip, frames;  // logits of all clips, and of the last frame of two streams fed frame by frame
};

Answers answers(const TRecViT& net, const at::Tensor& video, at::Device device) {
  const at::NoGradGuard no_grad;
  const at::Tensor clips = video.to(device);
  Answers result;
  result.clip = net.classify_clips(clips).logits;
  ModelState state = net.make_state(2);
  for (std::int64_t t = 0; t < clips.size(0); ++t)
    result.frames = net.classify_streams(clips.narrow(0, t, 1).narrow(1, 0, 2).contiguous(), state).logits;
  return result;
}

class OddShapes : public testing::TestWithParam<OddShape> {};

TEST_P(OddShapes, FramesGiveTheClip) {
  const SmallModel model(7, config_of(GetParam()));
  const Answers result = answers(model.net, video_of(model.net.config(), 5, 2), at::kCPU);
  EXPECT_LT(relative(result.frames, result.clip), 1e-5);
}

// 80 clips: rows enough that the recurrent unit of a whole clip is one kernel.
TEST_P(OddShapes, GpuGivesTheAnswersOfTheCpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const at::Device gpu(at::kCUDA, 0);
  const SmallModel model(7, config_of(GetParam()));
  const at::Tensor video = video_of(model.net.config(), 5, 80);
  const Answers expected = answers(model.net, video, at::kCPU);
  nn::ParameterStore store;
  TRecViT net(store, model.net.config());
  store.allocate(gpu);
  ASSERT_EQ(store.flat().numel(), model.store.flat().numel());
  {
    const at::NoGradGuard no_grad;
    store.flat().copy_(model.store.flat());
  }
  for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, 1e-4}, std::pair{at::kBFloat16, 5e-2}}) {
    net.set_dtype(dtype);
    net.cast_weights();
    const Answers actual = answers(net, video, gpu);
    EXPECT_LT(relative(actual.clip, expected.clip), tolerance) << dtype;
    EXPECT_LT(relative(actual.frames, expected.frames), tolerance) << dtype;
  }
}

TEST_P(OddShapes, GpuGivesTheGradientsOfTheCpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const at::Device gpu(at::kCUDA, 0);
  const SmallModel model(7, config_of(GetParam()));
  const at::Tensor video = video_of(model.net.config(), 4, 3);
  const auto loss = [&](const TRecViT& net, const at::Tensor& clips) {
    return net.classify_clips(clips).logits.to(at::kFloat).square().sum();
  };
  loss(model.net, video).backward();
  nn::ParameterStore store;
  TRecViT net(store, model.net.config());
  store.allocate(gpu);
  {
    const at::NoGradGuard no_grad;
    store.flat().copy_(model.store.flat());
  }
  for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, 1e-3}, std::pair{at::kBFloat16, 1e-1}}) {
    net.set_dtype(dtype);
    net.cast_weights();
    store.flat_grad().zero_();
    loss(net, video.to(gpu)).backward();
    EXPECT_LT(relative(store.flat_grad(), model.store.flat_grad()), tolerance) << dtype;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, OddShapes,
                         testing::Values(OddShape{"patch 7, width 100", 7, 100, 4, 256, 20, 5},
                                         OddShape{"width 65", 4, 65, 1, 64, 20, 5},
                                         OddShape{"head 33, classes 7", 4, 64, 1, 128, 33, 7},
                                         OddShape{"all odd", 3, 33, 3, 27, 5, 3}));

}  // namespace
}  // namespace trecvit
