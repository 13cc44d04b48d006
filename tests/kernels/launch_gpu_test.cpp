#ifdef TRECVIT_HAS_CUDA
// Sizes beyond 16 and 32 bits: rows along a grid, and elements of a tensor.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "gpu_buffer.h"
#include "kernels/causal_conv1d/causal_conv1d_cuda.h"
#include "kernels/column_sums/column_sums_cuda.h"
#include "kernels/launch.h"
#include "kernels/norm/norm_cuda.h"
#include "kernels/rg_lru/rg_lru_cuda.h"

namespace trecvit::kernels {
namespace {

TEST(LaunchGrid, RefusesWhatCudaDoes) {
  EXPECT_EQ(grid_of(kMostBlocksX, kMostBlocksY, kMostBlocksY).x, 2147483647u);
  EXPECT_THROW(grid_of(kMostBlocksX + 1), Error);
  EXPECT_THROW(grid_of(std::int64_t{1} << 32), Error);  // 0 in 32 bits
  EXPECT_THROW(grid_of(1, kMostBlocksY + 1), Error);
  EXPECT_THROW(grid_of(1, 1, kMostBlocksY + 1), Error);
  EXPECT_THROW(grid_of(0), Error);
  EXPECT_EQ(frame_count(1 << 30), 1 << 30);
  EXPECT_THROW(frame_count((std::int64_t{1} << 30) + 1), Error);
  EXPECT_THROW(frame_count(0), Error);
}

constexpr std::uint16_t kOneBits = 0x3f80, kPoison = 0xffff;
constexpr Bf16 kOne{kOneBits};

// Device memory whose every element starts as `value`; null when the device has not so much.
template <class T>
class Filled {
 public:
  Filled(std::int64_t count, T value) : count_(count) {
    if (cudaMalloc(&data_, count * sizeof(T)) != cudaSuccess) {
      cudaGetLastError();
      data_ = nullptr;
      return;
    }
    // Powers of two of what is there already, so that the host sends little.
    constexpr std::int64_t kFirst = 1 << 12;
    const std::vector<T> first(std::min(count, kFirst), value);
    succeed(cudaMemcpy(data_, first.data(), first.size() * sizeof(T), cudaMemcpyHostToDevice));
    for (std::int64_t have = kFirst; have < count; have *= 2) {
      const std::int64_t more = std::min(have, count - have);
      succeed(cudaMemcpy(data_ + have, data_, more * sizeof(T), cudaMemcpyDeviceToDevice));
    }
  }
  ~Filled() { cudaFree(data_); }
  Filled(const Filled&) = delete;
  Filled& operator=(const Filled&) = delete;

  T* get() const { return data_; }
  T at(std::int64_t index) const {
    T value;
    succeed(cudaMemcpy(&value, data_ + index, sizeof value, cudaMemcpyDeviceToHost));
    return value;
  }
  T last() const { return at(count_ - 1); }

 private:
  std::int64_t count_;
  T* data_ = nullptr;
};

// 8 * 65,535 rows were the most that backward took.
TEST(GpuLaunch, ManyRowsOfTheConvolution) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  constexpr std::int64_t kRows = 8 * 65535 + 13, kChannels = 8, kAll = kRows * kChannels;
  const Filled<float> z(kAll, 1.0f), w(4 * kChannels, 1.0f), out(kAll, NAN), state(3 * kAll, NAN), dz(kAll, NAN);
  const Filled<float> dw(4 * kChannels, NAN), db(kChannels, NAN);
  CausalConv1dForward<float> f;
  f.frames = 1, f.rows = kRows, f.channels = f.z_stride = kChannels;
  f.z = z.get(), f.w = f.b = w.get(), f.out = out.get(), f.state_out = state.get();
  causal_conv1d_forward_cuda(f, nullptr);
  CausalConv1dBackward<float> b;
  static_cast<CausalConv1dInputs<float>&>(b) = f;
  b.dout = z.get(), b.dz = dz.get(), b.dz_stride = kChannels, b.dw = dw.get(), b.db = db.get();
  const Filled<float> partials(causal_conv1d_partials_cuda(b), NAN);
  b.partials = partials.get();
  causal_conv1d_backward_cuda(b, nullptr);
  succeed(cudaDeviceSynchronize());
  EXPECT_EQ(out.last(), 2);  // bias and the present frame
  EXPECT_EQ(dz.at(0), 1);
  EXPECT_EQ(dz.last(), 1);
  EXPECT_EQ(dw.last(), static_cast<float>(kRows));  // of the present frame
  EXPECT_EQ(dw.at(0), 0);
  EXPECT_EQ(db.last(), static_cast<float>(kRows));
}

// Elements: 4 GiB of bf16. The last of 64 frames lies behind 2^31 of them.
constexpr std::int64_t kFar = (std::int64_t{1} << 31) + (1 << 16), kFrames = 64;

// One row beyond 2^31 elements, in every kernel that works row by row.
TEST(GpuLaunch, RowsBeyondTwoToThe31Elements) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  constexpr std::int64_t kChannels = 1024, kRows = kFar / kChannels;
  const Filled<Bf16> x(kFar, kOne), y(kFar, Bf16{kPoison});
  const Filled<float> zeros(4 * kChannels, 0.0f), ones(4 * kChannels, 1.0f), sums(kChannels, NAN);
  const Filled<float> partials(column_sums_partials_cuda(kRows, kChannels), NAN);
  if (!x.get() || !y.get()) GTEST_SKIP() << "the device has too little memory";

  NormForward<Bf16> n;
  n.kind = NormKind::kRms, n.rows = kRows, n.channels = kChannels, n.x = x.get(), n.scale = zeros.get(), n.y = y.get();
  norm_forward_cuda(n, nullptr);
  EXPECT_EQ(y.last().bits, kOneBits);

  column_sums_cuda<Bf16>({kRows, kChannels, x.get(), sums.get(), partials.get()}, nullptr);
  EXPECT_EQ(sums.last(), static_cast<float>(kRows));

  // Frames, the last of which lies behind 2^31 elements.
  CausalConv1dForward<Bf16> c;
  c.frames = kFrames, c.rows = kRows / kFrames, c.channels = c.z_stride = kChannels;
  const Filled<Bf16> state(c.rows * 3 * kChannels, Bf16{kPoison});
  c.z = x.get(), c.w = ones.get(), c.b = zeros.get(), c.out = y.get(), c.state_out = state.get();
  causal_conv1d_forward_cuda(c, nullptr);
  EXPECT_EQ(widen(y.last()), 4);
  EXPECT_EQ(state.last().bits, kOneBits);
}

TEST(GpuLaunch, TheRecurrenceBeyondTwoToThe31Elements) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  constexpr std::int64_t kChannels = 1024, kRows = kFar / kChannels / kFrames;
  const Filled<Bf16> x(kFar, kOne), out(kFar, Bf16{kPoison});
  const Filled<float> zeros(kChannels, 0.0f), h(kRows * kChannels, NAN);
  if (!x.get() || !out.get()) GTEST_SKIP() << "the device has too little memory";
  RgLruForward<Bf16> p;
  p.frames = kFrames, p.rows = kRows, p.channels = kChannels;
  p.x = p.input_logits = p.a_logits = x.get();
  p.input_bias = p.a_bias = p.a_param = zeros.get();
  p.out = out.get(), p.h_last = h.get();
  const RgLruPlan plan = rg_lru_forward_plan_cuda(p);
  const Filled<float> scratch(std::max<std::int64_t>(1, rg_lru_forward_scratch_cuda(p, plan)), NAN);
  p.scratch = scratch.get();
  rg_lru_forward_cuda(p, plan, nullptr);
  succeed(cudaDeviceSynchronize());
  EXPECT_GT(h.last(), 0);
  EXPECT_EQ(h.last(), h.at(0));
  EXPECT_EQ(out.last().bits, out.at(kFar - kRows * kChannels).bits);
  EXPECT_NE(out.last().bits, out.at(0).bits);  // of the first frame
}

}  // namespace
}  // namespace trecvit::kernels
#endif
