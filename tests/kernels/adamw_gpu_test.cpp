#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "fixtures.h"
#include "gpu_buffer.h"
#include "kernels/adamw/adamw_cuda.h"
#include "kernels/adamw/reference.h"

namespace trecvit::kernels {
namespace {

// Norm and update of `count` numbers at `offset` elements from an aligned address.
struct Weights {
  std::vector<float> value, mean, square;
  float norm;
};
Weights on_gpu(AdamWParams<float> p, Weights start, const std::vector<float>& gradient, std::int64_t offset,
               float loss = 1) {
  OnDevice device;
  const auto place = [&](std::vector<float>& values) { return device.out(values.data(), values.size()) + offset; };
  std::vector<float> partials = poisoned<float>(gradient_norm_partials_cuda()), norm{start.norm};
  p.gradient = device.in(gradient.data(), gradient.size()) + offset;
  p.value = place(start.value), p.mean = place(start.mean), p.square = place(start.square);
  float* norm_on_device = device.out(norm.data(), 1);
  p.norm = norm_on_device;
  gradient_norm_cuda(p.gradient, p.count, device.in(&loss, 1), device.out(partials.data(), partials.size()),
                     norm_on_device, nullptr);
  adamw_cuda(p, nullptr);
  device.finish();
  start.norm = norm[0];
  return start;
}

TEST(GpuAdamW, MatchesTheReferenceAndRepeats) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (const std::int64_t count : {1, 3, 7, 1023, 1025, 300'001}) {
    for (const std::int64_t offset : {0, 1}) {
      for (const double clip : {0.0, 0.5}) {
        SCOPED_TRACE(testing::Message() << count << " from " << offset << ", clip " << clip);
        Rng rng(9);
        const auto value = random_numbers<float>(count + offset, rng, 1),
                   gradient = random_numbers<float>(count + offset, rng, 1);
        auto mean = random_numbers<float>(count + offset, rng, 0.1);
        auto square = random_numbers<float>(count + offset, rng, 0.1, 1.0);
        const AdamWParams<float> p{
            .count = count, .decayed = count / 2, .step = 3, .lr = 1e-2, .clip = clip, .weight_decay = 0.1};
        const Weights start{value.io, mean.io, square.io, 0};
        const Weights ours = on_gpu(p, start, gradient.io, offset), again = on_gpu(p, start, gradient.io, offset);
        EXPECT_EQ(ours.value, again.value);
        EXPECT_EQ(ours.norm, again.norm);

        double norm = 0;
        std::vector<double> expected = value.exact;
        reference::gradient_norm(gradient.exact.data() + offset, count, /*loss=*/1.0, &norm);
        reference::adamw(AdamWParams<double>{.count = count,
                                             .decayed = count / 2,
                                             .step = 3,
                                             .lr = 1e-2,
                                             .clip = clip,
                                             .weight_decay = 0.1,
                                             .gradient = gradient.exact.data() + offset,
                                             .norm = &norm,
                                             .value = expected.data() + offset,
                                             .mean = mean.exact.data() + offset,
                                             .square = square.exact.data() + offset});
        EXPECT_NEAR(ours.norm, norm, 1e-5 * norm);
        EXPECT_LE(worst_error(ours.value, expected), 1e-6);
        EXPECT_LE(worst_error(ours.mean, mean.exact), 1e-6);
        EXPECT_LE(worst_error(ours.square, square.exact), 1e-6);
      }
    }
  }
}

TEST(GpuAdamW, ABrokenStepChangesNothingNorDoesAnyAfterIt) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  const Weights start{std::vector<float>(10, 1.0f), std::vector<float>(10, 0.0f), std::vector<float>(10, 0.0f), 0};
  std::vector<float> gradient(10, 1.0f);
  const AdamWParams<float> p{.count = 10, .decayed = 10, .lr = 0.1, .weight_decay = 0.1};
  gradient[7] = std::numeric_limits<float>::quiet_NaN();
  Weights run = on_gpu(p, start, gradient, 0);
  EXPECT_EQ(run.value, start.value);
  EXPECT_TRUE(std::isnan(run.norm));
  gradient[7] = 1.0f;
  run = on_gpu(p, run, gradient, 0);
  EXPECT_EQ(run.value, start.value);
  EXPECT_EQ(run.mean, start.mean);
  EXPECT_TRUE(std::isnan(run.norm));
}

TEST(GpuAdamW, ABrokenLossChangesNothingThoughItsGradientIsFinite) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  const Weights start{std::vector<float>(10, 1.0f), std::vector<float>(10, 0.0f), std::vector<float>(10, 0.0f), 0};
  const std::vector<float> gradient(10, 1.0f);
  const AdamWParams<float> p{.count = 10, .decayed = 10, .lr = 0.1, .weight_decay = 0.1};
  for (const float loss : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Weights run = on_gpu(p, start, gradient, 0, loss);
    run = on_gpu(p, run, gradient, 0);
    EXPECT_EQ(run.value, start.value);
    EXPECT_EQ(run.mean, start.mean);
    EXPECT_TRUE(std::isnan(run.norm));
  }
}

}  // namespace
}  // namespace trecvit::kernels
#endif
