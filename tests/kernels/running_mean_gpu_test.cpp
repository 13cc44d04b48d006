#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include <cstring>

#include "fixtures.h"
#include "gpu_buffer.h"
#include "kernels/running_mean/reference.h"
#include "kernels/running_mean/running_mean_cuda.h"

namespace trecvit::kernels {
namespace {

template <class Io>
struct Means {
  std::vector<Io> out, mean;
  std::vector<double> sum;
  bool operator==(const Means& other) const {
    const auto same = [](const auto& a, const auto& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0;
    };
    return same(out, other.out) && same(mean, other.mean) && same(sum, other.sum);
  }
};

std::vector<double> in_reverse(const std::vector<double>& sum, std::int64_t streams) {
  const std::size_t width = sum.size() / static_cast<std::size_t>(streams);
  std::vector<double> other;
  for (std::size_t b = static_cast<std::size_t>(streams); b-- > 0;)
    other.insert(other.end(), sum.begin() + static_cast<std::ptrdiff_t>(b * width), sum.begin() + static_cast<std::ptrdiff_t>((b + 1) * width));
  return other;
}

// Features of T frames in pieces of `piece`, of streams with different numbers of frames before. With `reversed` slots
// the last stream has the first slot.
template <class Io>
Means<Io> on_gpu(const std::vector<Io>& x, std::vector<std::int64_t> frames_processed, const std::vector<double>& sum,
                 std::int64_t piece, bool reversed = false) {
  const auto streams = static_cast<std::int64_t>(frames_processed.size()), all = static_cast<std::int64_t>(sum.size());
  const std::int64_t frames = static_cast<std::int64_t>(x.size()) / all;
  Means<Io> r{poisoned<Io>(frames * all), poisoned<Io>(all), sum};
  for (std::int64_t begin = 0; begin < frames; begin += piece) {
    const std::int64_t count = std::min(piece, frames - begin);
    OnDevice device;
    std::vector<std::int64_t> slots(static_cast<std::size_t>(streams));
    for (std::int64_t b = 0; b < streams; ++b) slots[static_cast<std::size_t>(b)] = streams - 1 - b;
    RunningMean<Io> p{.frames = count, .streams = streams, .width = all / streams};
    p.x = device.in(x.data() + begin * all, count * all);
    p.frames_before = device.in(frames_processed.data(), streams);
    if (reversed) p.slots = device.in(slots.data(), streams);
    p.out = device.out(r.out.data() + begin * all, count * all);
    p.mean = device.out(r.mean.data(), all);
    if (reversed) r.sum = in_reverse(r.sum, streams);
    p.sum = device.out(r.sum.data(), all);
    running_mean_cuda(p, nullptr);
    device.finish();
    if (reversed) r.sum = in_reverse(r.sum, streams);
    for (std::int64_t& n : frames_processed) n += count;
  }
  return r;
}

template <class Io>
void expect_matches(double tolerance) {
  for (const auto& [frames, streams, width] : {std::tuple{1, 1, 1}, {1, 8, 3072}, {2, 3, 257}, {7, 5, 31}}) {
    SCOPED_TRACE(testing::Message() << frames << " frames, " << streams << " streams, " << width << " features");
    Rng rng(3);
    const auto x = random_numbers<Io>(frames * streams * width, rng, 1.5);
    std::vector<std::int64_t> frames_processed;
    std::vector<double> sum;
    for (int b = 0; b < streams; ++b) frames_processed.push_back(3 * b);
    for (int at = 0; at < streams * width; ++at)
      sum.push_back(rng.normal() * frames_processed[static_cast<std::size_t>(at / width)]);

    Means<double> expected{std::vector<double>(x.exact.size()), std::vector<double>(sum.size()), sum};
    reference::running_mean({.frames = frames,
                             .streams = streams,
                             .width = width,
                             .x = x.exact.data(),
                             .frames_before = frames_processed.data(),
                             .out = expected.out.data(),
                             .sum = expected.sum.data(),
                             .mean = expected.mean.data()},
                            [](double v) { return to_double(from_double<Io>(v)); });
    const Means<Io> ours = on_gpu(x.io, frames_processed, sum, frames);
    EXPECT_LE(worst_error(ours.out, expected.out), tolerance);
    EXPECT_LE(worst_error(ours.mean, expected.mean), tolerance);
    for (std::size_t at = 0; at < sum.size(); ++at) EXPECT_NEAR(ours.sum[at], expected.sum[at], frames * tolerance);
    EXPECT_TRUE(ours == on_gpu(x.io, frames_processed, sum, frames)) << "differs when repeated";
    EXPECT_TRUE(ours == on_gpu(x.io, frames_processed, sum, 1)) << "frame by frame";
    EXPECT_TRUE(ours == on_gpu(x.io, frames_processed, sum, frames, /*reversed=*/true)) << "other slots";
  }
}

TEST(GpuRunningMean, MatchesTheReference) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  expect_matches<float>(1e-6);
  expect_matches<Bf16>(4e-3);
}

}  // namespace
}  // namespace trecvit::kernels
#endif
