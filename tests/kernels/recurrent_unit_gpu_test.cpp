#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "fixtures.h"
#include "gpu_buffer.h"
#include "kernels/architecture.h"
#include "kernels/recurrent_unit/recurrent_unit_cuda.h"
#include "kernels/recurrent_unit/reference.h"

namespace trecvit::kernels {
namespace {

struct UnitCase {
  std::int64_t frames, rows, blocks, d;
  bool state = true, reset = true;
};

void PrintTo(const UnitCase& c, std::ostream* out) {
  *out << "T " << c.frames << ", rows " << c.rows << ", " << c.blocks << " x " << c.d << (c.state ? ", state" : "")
       << (c.reset ? ", reset" : "");
}

template <class Io>
struct UnitResults {
  std::vector<Io> out, conv_state;
  std::vector<Wide<Io>> h_last;
};

class UnitProblem {
 public:
  explicit UnitProblem(const UnitCase& shape) : shape_(shape), r_(shape.blocks * shape.d) {
    Rng rng(3);
    const std::int64_t gate = r_ * shape.d, lines = shape.frames * shape.rows;
    both_ = random_numbers<Bf16>(lines * 2 * r_, rng, 1.0);
    input_gate_ = random_numbers<Bf16>(gate, rng, 1.5 / std::sqrt(shape.d));
    a_gate_ = random_numbers<Bf16>(gate, rng, 1.5 / std::sqrt(shape.d));
    conv_state_ = random_numbers<Bf16>(shape.rows * 3 * r_, rng, 1.0);
    conv_w_ = random_numbers<float>(4 * r_, rng, 0.5), conv_b_ = random_numbers<float>(r_, rng, 0.5);
    input_bias_ = random_numbers<float>(r_, rng, 0.5), a_bias_ = random_numbers<float>(r_, rng, 0.5);
    a_param_ = random_numbers<float>(r_, rng, 2.0, -3.0), h0_ = random_numbers<float>(shape.rows * r_, rng, 1.0);
    for (std::int64_t n = 0; n < lines; ++n) reset_.push_back(rng.chance(0.2));
  }

  // Frames [from, from + count); the state of before unless it is null. `ring`: with rings in the kernel's hands.
  UnitResults<Bf16> on_gpu(std::int64_t from, std::int64_t count, const UnitResults<Bf16>* before,
                           bool ring = false) const {
    UnitResults<Bf16> r{poisoned<Bf16>(count * shape_.rows * r_), poisoned<Bf16>(shape_.rows * 3 * r_),
                        poisoned<float>(shape_.rows * r_)};
    OnDevice device;
    const std::int64_t lines = count * shape_.rows, gate = r_ * shape_.d;
    RecurrentUnitForward<Bf16> p = sizes<Bf16>(count);
    p.x = device.in(both_.io.data() + from * shape_.rows * 2 * r_, lines * 2 * r_), p.y = p.x + r_;
    p.conv_w = device.in(conv_w_.io.data(), 4 * r_), p.conv_b = device.in(conv_b_.io.data(), r_);
    p.input_gate = device.in(input_gate_.io.data(), gate), p.a_gate = device.in(a_gate_.io.data(), gate);
    p.input_bias = device.in(input_bias_.io.data(), r_), p.a_bias = device.in(a_bias_.io.data(), r_);
    p.a_param = device.in(a_param_.io.data(), r_);
    // The state is overwritten in place, as a stream's is.
    p.conv_state_out = device.out(r.conv_state.data(), shape_.rows * 3 * r_);
    p.h_last = device.out(r.h_last.data(), shape_.rows * r_);
    if (before) {
      succeed(
          cudaMemcpy(p.conv_state_out, before->conv_state.data(), shape_.rows * 3 * r_ * 2, cudaMemcpyHostToDevice));
      succeed(cudaMemcpy(p.h_last, before->h_last.data(), shape_.rows * r_ * 4, cudaMemcpyHostToDevice));
      p.conv_state = p.conv_state_out, p.h0 = p.h_last;
    } else if (shape_.state) {
      p.conv_state = device.in(conv_state_.io.data(), shape_.rows * 3 * r_);
      p.h0 = device.in(h0_.io.data(), shape_.rows * r_);
    }
    const std::vector<std::int64_t> before_step = frames_before(from);
    if (ring) {
      std::vector<Bf16> state(r.conv_state.size());
      if (before || shape_.state) state = before ? before->conv_state : conv_state_.io;
      p.streams = {.frames_before = device.in(before_step.data(), before_step.size()),
                   .tokens = static_cast<std::uint32_t>(shape_.rows / before_step.size())};
      turn(state, before_step, /*into_ring=*/true);
      succeed(cudaMemcpy(p.conv_state_out, state.data(), state.size() * sizeof(Bf16), cudaMemcpyHostToDevice));
      p.conv_state = p.conv_state_out;
    }
    if (shape_.reset) p.reset = device.in(reset_.data() + from * shape_.rows, lines);
    p.out = device.out(r.out.data(), lines * r_);
    EXPECT_TRUE(recurrent_unit_served_cuda(p));
    recurrent_unit_forward_cuda(p, nullptr);
    device.finish();
    if (ring) turn(r.conv_state, frames_before(from + count), /*into_ring=*/false);
    return r;
  }

  UnitResults<double> expected() const {
    UnitResults<double> r{std::vector<double>(shape_.frames * shape_.rows * r_),
                          std::vector<double>(shape_.rows * 3 * r_), std::vector<double>(shape_.rows * r_)};
    RecurrentUnitForward<double> p = sizes<double>(shape_.frames);
    p.x = both_.exact.data(), p.y = p.x + r_;
    p.conv_w = conv_w_.exact.data(), p.conv_b = conv_b_.exact.data();
    p.input_gate = input_gate_.exact.data(), p.a_gate = a_gate_.exact.data();
    p.input_bias = input_bias_.exact.data(), p.a_bias = a_bias_.exact.data(), p.a_param = a_param_.exact.data();
    if (shape_.state) p.conv_state = conv_state_.exact.data(), p.h0 = h0_.exact.data();
    if (shape_.reset) p.reset = reset_.data();
    p.out = r.out.data(), p.conv_state_out = r.conv_state.data(), p.h_last = r.h_last.data();
    reference::recurrent_unit_forward(p, [](double v) { return to_double(from_double<Bf16>(v)); });
    return r;
  }

 private:
  template <class Io>
  RecurrentUnitForward<Io> sizes(std::int64_t frames) const {
    RecurrentUnitForward<Io> p;
    p.frames = frames, p.rows = shape_.rows, p.channels = r_, p.blocks = shape_.blocks, p.stride = 2 * r_;
    return p;
  }

  // Streams, of the fewest rows above one that divide all, with different numbers of frames before frame 0.
  std::vector<std::int64_t> frames_before(std::int64_t frame) const {
    std::int64_t rows = std::min<std::int64_t>(2, shape_.rows);
    while (shape_.rows % rows != 0) ++rows;
    std::vector<std::int64_t> frames_processed;
    for (std::int64_t stream = 0; stream < shape_.rows / rows; ++stream) frames_processed.push_back(100 + 7 * stream + frame);
    return frames_processed;
  }

  void turn(std::vector<Bf16>& state, const std::vector<std::int64_t>& frames_processed, bool into_ring) const {
    const std::vector<Bf16> from = state;
    const std::int64_t rows = shape_.rows / static_cast<std::int64_t>(frames_processed.size());
    for (std::int64_t row = 0; row < shape_.rows; ++row) {
      for (std::int64_t k = 0; k < 3; ++k) {
        const std::int64_t in_order = row * 3 + k, in_ring = row * 3 + (frames_processed[row / rows] + k) % 3;
        std::copy_n(from.begin() + (into_ring ? in_order : in_ring) * r_, r_,
                    state.begin() + (into_ring ? in_ring : in_order) * r_);
      }
    }
  }

  UnitCase shape_;
  std::int64_t r_;
  Numbers<Bf16> both_, input_gate_, a_gate_, conv_state_;
  Numbers<float> conv_w_, conv_b_, input_bias_, a_bias_, a_param_, h0_;
  std::vector<std::uint8_t> reset_;
};

bool same_bits(const auto& a, const auto& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0;
}

class GpuRecurrentUnit : public testing::TestWithParam<UnitCase> {
 protected:
  void SetUp() override {
    if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
    if (architecture() < 80) GTEST_SKIP() << "the GPU has no products of bf16";
  }
};

TEST_P(GpuRecurrentUnit, MatchesTheReference) {
  const UnitProblem problem(GetParam());
  const auto actual = problem.on_gpu(0, GetParam().frames, nullptr);
  const auto again = problem.on_gpu(0, GetParam().frames, nullptr);
  const auto expected = problem.expected();
  EXPECT_LE(worst_error(actual.out, expected.out), 1e-2);
  EXPECT_LE(worst_error(actual.h_last, expected.h_last), 1e-2);
  EXPECT_EQ(worst_error(actual.conv_state, expected.conv_state), 0);
  EXPECT_TRUE(same_bits(actual.out, again.out) && same_bits(actual.h_last, again.h_last));
}

// Frame by frame, in place, every frame and the state are the bits of the clip.
TEST_P(GpuRecurrentUnit, FramesOneByOneGiveTheBitsOfTheClip) {
  const UnitProblem problem(GetParam());
  const auto clip = problem.on_gpu(0, GetParam().frames, nullptr);
  std::vector<Bf16> out;
  UnitResults<Bf16> frame;
  for (std::int64_t t = 0; t < GetParam().frames; ++t) {
    frame = problem.on_gpu(t, 1, t > 0 ? &frame : nullptr);
    out.insert(out.end(), frame.out.begin(), frame.out.end());
  }
  EXPECT_TRUE(same_bits(out, clip.out));
  EXPECT_TRUE(same_bits(frame.h_last, clip.h_last));
  EXPECT_TRUE(same_bits(frame.conv_state, clip.conv_state));
}

// States that are rings make no difference, to a clip and to its frames.
TEST_P(GpuRecurrentUnit, RingsGiveTheSameBits) {
  const UnitProblem problem(GetParam());
  const auto in_order = problem.on_gpu(0, GetParam().frames, nullptr);
  const auto clip = problem.on_gpu(0, GetParam().frames, nullptr, /*ring=*/true);
  std::vector<Bf16> out;
  UnitResults<Bf16> frame;
  for (std::int64_t t = 0; t < GetParam().frames; ++t) {
    frame = problem.on_gpu(t, 1, t > 0 ? &frame : nullptr, /*ring=*/true);
    out.insert(out.end(), frame.out.begin(), frame.out.end());
  }
  EXPECT_TRUE(same_bits(clip.out, in_order.out) && same_bits(out, in_order.out));
  EXPECT_TRUE(same_bits(clip.h_last, in_order.h_last) && same_bits(frame.h_last, in_order.h_last));
  EXPECT_TRUE(same_bits(clip.conv_state, in_order.conv_state) && same_bits(frame.conv_state, in_order.conv_state));
}

INSTANTIATE_TEST_SUITE_P(Shapes, GpuRecurrentUnit,
                         testing::Values(UnitCase{1, 1, 1, 64}, UnitCase{1, 197, 2, 128}, UnitCase{2, 3, 2, 64, false},
                                         UnitCase{3, 31, 3, 128}, UnitCase{7, 33, 1, 128, true, false},
                                         UnitCase{16, 40, 2, 128, false, false}, UnitCase{33, 65, 1, 64},
                                         // more rows than are worked on at once
                                         UnitCase{2, 2309, 6, 128}, UnitCase{129, 5, 1, 128}));

TEST(RecurrentUnitCuda, OtherWidthsAreNotServed) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  RecurrentUnitForward<Bf16> p;
  p.channels = 96, p.blocks = 2, p.stride = 192;
  EXPECT_FALSE(recurrent_unit_served_cuda(p));
}

}  // namespace
}  // namespace trecvit::kernels
#endif
