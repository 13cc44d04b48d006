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

// Features of T frames in pieces of `piece`, after streams that have seen different numbers of frames.
template <class Io>
Means<Io> on_gpu(const std::vector<Io>& x, std::vector<std::int64_t> seen, const std::vector<double>& sum,
                 std::int64_t piece) {
  const auto streams = static_cast<std::int64_t>(seen.size()), all = static_cast<std::int64_t>(sum.size());
  const std::int64_t frames = static_cast<std::int64_t>(x.size()) / all;
  Means<Io> r{poisoned<Io>(frames * all), poisoned<Io>(all), sum};
  for (std::int64_t begin = 0; begin < frames; begin += piece) {
    const std::int64_t count = std::min(piece, frames - begin);
    for (std::int64_t& n : seen) n += count;
    OnDevice device;
    RunningMean<Io> p{count, streams, all / streams};
    p.x = device.in(x.data() + begin * all, count * all), p.seen = device.in(seen.data(), streams);
    p.out = device.out(r.out.data() + begin * all, count * all), p.mean = device.out(r.mean.data(), all);
    p.sum = device.out(r.sum.data(), all);
    running_mean_cuda(p, nullptr);
    device.finish();
  }
  return r;
}

template <class Io>
void expect_matches(double tolerance) {
  for (const auto& [frames, streams, width] : {std::tuple{1, 1, 1}, {1, 8, 3072}, {2, 3, 257}, {7, 5, 31}}) {
    SCOPED_TRACE(testing::Message() << frames << " frames, " << streams << " streams, " << width << " features");
    Rng rng(3);
    const auto x = random_numbers<Io>(frames * streams * width, rng, 1.5);
    std::vector<std::int64_t> seen;
    std::vector<double> sum;
    for (int b = 0; b < streams; ++b) seen.push_back(3 * b);
    for (int at = 0; at < streams * width; ++at)
      sum.push_back(rng.normal() * seen[static_cast<std::size_t>(at / width)]);

    Means<double> expected{std::vector<double>(x.exact.size()), std::vector<double>(sum.size()), sum};
    std::vector<std::int64_t> after = seen;
    for (std::int64_t& n : after) n += frames;
    reference::running_mean({frames, streams, width, x.exact.data(), after.data(), expected.out.data(),
                             expected.sum.data(), expected.mean.data()},
                            [](double v) { return to_double(from_double<Io>(v)); });
    const Means<Io> ours = on_gpu(x.io, seen, sum, frames);
    EXPECT_LE(worst_error(ours.out, expected.out), tolerance);
    EXPECT_LE(worst_error(ours.mean, expected.mean), tolerance);
    for (std::size_t at = 0; at < sum.size(); ++at) EXPECT_NEAR(ours.sum[at], expected.sum[at], frames * tolerance);
    EXPECT_TRUE(ours == on_gpu(x.io, seen, sum, frames)) << "differs when repeated";
    EXPECT_TRUE(ours == on_gpu(x.io, seen, sum, 1)) << "frame by frame";
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
