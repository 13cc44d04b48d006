// The recurrent unit against its three ops in a row: values and every gradient.
#include "ops/recurrent_unit.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/block_diagonal.h"
#include "ops/causal_conv1d.h"
#include "ops/rg_lru.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

struct Case {
  at::Device device;
  at::ScalarType dtype;
  double tolerance;  // of the L2 norm of a difference over that of the expected
};

// xy_projection, conv_w, conv_b, input_gate, a_gate, input_bias, a_bias, a_param, conv_state, h0
constexpr int kTensors = 10;
bool is_activation(int which) { return which == 0 || which == 8; }

// Numbers that bf16 holds exactly, in double. Without `state` the last two are undefined.
std::vector<Tensor> draw(std::int64_t frames, std::int64_t rows, std::int64_t blocks, std::int64_t d, bool state) {
  at::manual_seed(5);
  const std::int64_t r = blocks * d;
  const auto numbers = [](at::IntArrayRef shape, double scale) {
    return (at::randn(shape) * scale).to(at::kBFloat16).to(at::kDouble);
  };
  std::vector<Tensor> drawn{numbers({frames, rows, 2 * r}, 1),
                            numbers({4, r}, 0.5),
                            numbers({r}, 0.5),
                            numbers({blocks, d, d}, 0.5),
                            numbers({blocks, d, d}, 0.5),
                            numbers({r}, 1),
                            numbers({r}, 1),
                            numbers({r}, 1),
                            Tensor(),
                            Tensor()};
  if (state) {
    drawn[8] = numbers({rows, 3, r}, 1);
    drawn[9] = numbers({rows, r}, 1);
  }
  return drawn;
}

RecurrentUnitResult composed(const RecurrentUnitArgs& a) {
  const std::int64_t r = a.xy_projection.size(2) / 2;
  const auto halves = a.xy_projection.split(r, /*dim=*/-1);
  const auto conv = causal_conv1d(halves[0], a.conv_w, a.conv_b, a.conv_state);
  const Tensor x = conv.out.reshape({-1, r});
  const auto gate = [&](const Weight& w) {
    return block_diagonal(x, w.leaf.to(x.scalar_type())).view(conv.out.sizes());
  };
  const auto lru = rg_lru({.x = conv.out,
                           .input_logits = gate(a.input_gate),
                           .a_logits = gate(a.a_gate),
                           .y = halves[1],
                           .input_bias = a.input_bias,
                           .a_bias = a.a_bias,
                           .a_param = a.a_param,
                           .h0 = a.h0,
                           .reset = a.positions.segment_start_mask});
  return {lru.out, lru.h_last, conv.state};
}

// Results and gradients of all tensors, in double on the CPU.
template <class F>
std::vector<Tensor> run(const std::vector<Tensor>& drawn, const Case& c, const Tensor& reset, const F& unit) {
  const auto wide = c.dtype == at::kDouble ? at::kDouble : at::kFloat;
  std::vector<Tensor> leaves;
  for (int which = 0; which < kTensors; ++which) {
    const Tensor& t = drawn[static_cast<std::size_t>(which)];
    leaves.push_back(t.defined() ? t.to(c.device, is_activation(which) ? c.dtype : wide).clone().requires_grad_(true)
                                 : t);
  }
  const auto weight = [&](int which) {
    return Weight{leaves[static_cast<std::size_t>(which)],
                  leaves[static_cast<std::size_t>(which)].detach().to(c.dtype)};
  };
  const RecurrentUnitResult result = unit({.xy_projection = leaves[0],
                                           .conv_w = leaves[1],
                                           .conv_b = leaves[2],
                                           .input_gate = weight(3),
                                           .a_gate = weight(4),
                                           .input_bias = leaves[5],
                                           .a_bias = leaves[6],
                                           .a_param = leaves[7],
                                           .conv_state = leaves[8],
                                           .h0 = leaves[9],
                                           .positions = {.segment_start_mask = reset.to(c.device)}});
  at::manual_seed(6);
  Tensor loss = at::zeros({}, at::TensorOptions().dtype(wide).device(c.device));
  std::vector<Tensor> all{result.out, result.h_last, result.conv_state};
  for (const Tensor& t : all) loss = loss + (t.to(wide) * at::randn(t.sizes()).to(c.device, wide)).sum();
  loss.backward();
  for (const Tensor& leaf : leaves) {
    if (leaf.defined()) all.push_back(leaf.grad());
  }
  for (Tensor& t : all) t = t.detach().to(at::kCPU, at::kDouble);
  return all;
}

void expect_same(const Case& c) {
  for (const auto& [frames, rows, blocks, d] : {std::tuple{1, 1, 1, 8}, {5, 7, 2, 8}, {9, 33, 3, 16}}) {
    for (const bool state : {false, true}) {
      SCOPED_TRACE(testing::Message() << frames << " frames, " << rows << " rows, " << blocks << " x " << d
                                      << (state ? ", continued" : ""));
      const std::vector<Tensor> drawn = draw(frames, rows, blocks, d, state);
      Tensor reset = at::zeros({frames, rows}, at::kBool);
      state ? reset[0][0].fill_(true) : reset[0].fill_(true);
      const auto ours = run(drawn, c, reset, recurrent_unit), again = run(drawn, c, reset, recurrent_unit);
      const auto expected = run(drawn, {at::kCPU, at::kDouble, 0}, reset, composed);
      ASSERT_EQ(ours.size(), expected.size());
      for (std::size_t k = 0; k < ours.size(); ++k) {
        EXPECT_TRUE(at::equal(ours[k], again[k])) << k;
        const double error = (ours[k] - expected[k]).norm().item().toDouble();
        EXPECT_LE(error, c.tolerance * std::max(1.0, expected[k].norm().item().toDouble())) << k;
      }
    }
  }
}

TEST(RecurrentUnit, MatchesItsOpsInARow) {
  expect_same({at::kCPU, at::kDouble, 1e-12});
  expect_same({at::kCPU, at::kFloat, 1e-5});
  expect_same({at::kCPU, at::kBFloat16, 3e-2});
}

TEST(RecurrentUnit, GpuMatchesItsOpsInARow) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  expect_same({at::kCUDA, at::kFloat, 1e-5});
  expect_same({at::kCUDA, at::kBFloat16, 3e-2});
}

// Three streams of 7 rows, after 0, 1 and 5 frames, go on by single frames and chunks. Rings change no bit, and neither
// do other slots in a larger state.
void expect_rings_change_nothing(const Case& c) {
  constexpr std::int64_t kStreams = 3, kTokens = 7, kRows = kTokens * kStreams, kBlocks = 2, kWidth = 64;
  constexpr double kUntouched = 77;
  const at::NoGradGuard no_grad;
  const std::vector<Tensor> drawn = draw(17, kRows, kBlocks, kWidth, /*state=*/true);
  const auto wide = c.dtype == at::kDouble ? at::kDouble : at::kFloat;
  std::vector<Tensor> t;
  for (int which = 0; which < kTensors; ++which)
    t.push_back(drawn[static_cast<std::size_t>(which)].to(c.device, is_activation(which) ? c.dtype : wide).clone());
  const Weight input_gate{t[3], t[3].to(c.dtype)}, a_gate{t[4], t[4].to(c.dtype)};
  const Tensor frames_processed = at::tensor({0, 1, 5}, at::kLong).to(c.device);
  // The lines of the ring in order of time.
  const auto lines = [&] {
    const Tensor of_streams = (frames_processed.unsqueeze(1) + at::arange(3, frames_processed.options())).remainder(3);
    return of_streams.repeat_interleave(kRows / kStreams, 0).unsqueeze(2).expand({kRows, 3, kBlocks * kWidth});
  };
  Tensor conv_state = t[8].clone(), h = t[9].clone(), ring_h = h.clone();
  Tensor ring = at::empty_like(conv_state).scatter_(1, lines(), conv_state);
  // The same streams in slots 4, 0 and 2 of five.
  const Tensor slots = at::tensor({4, 0, 2}, at::kLong).to(c.device);
  const Tensor slot_rows = (slots.unsqueeze(1) * kTokens + at::arange(kTokens, slots.options())).flatten();
  const auto into_slots = [&](const Tensor& state) {
    std::vector<std::int64_t> shape = state.sizes().vec();
    shape[0] = 5 * kTokens;
    return at::full(shape, kUntouched, state.options()).index_copy_(0, slot_rows, state);
  };
  const Tensor slot_h = into_slots(ring_h), slot_ring = into_slots(ring);
  std::int64_t begin = 0;
  for (const std::int64_t frames : {1, 1, 2, 5, 1, 3, 4}) {
    const Tensor xy_projection = t[0].narrow(0, begin, frames);
    const auto go = [&](const Tensor& conv, const Tensor& recurrent, const StreamPositions& positions) {
      return recurrent_unit({.xy_projection = xy_projection,
                             .conv_w = t[1],
                             .conv_b = t[2],
                             .input_gate = input_gate,
                             .a_gate = a_gate,
                             .input_bias = t[5],
                             .a_bias = t[6],
                             .a_param = t[7],
                             .conv_state = conv,
                             .h0 = recurrent,
                             .overwrite = true,
                             .positions = positions});
    };
    const auto in_order = go(conv_state, h, {});
    const auto in_ring = go(ring, ring_h, {.frames_before = frames_processed});
    const auto in_slots = go(slot_ring, slot_h, {.slots = slots, .frames_before = frames_processed});
    frames_processed.add_(frames);
    begin += frames;
    EXPECT_TRUE(at::equal(in_order.out, in_ring.out)) << begin;
    EXPECT_TRUE(at::equal(in_order.out, in_slots.out)) << begin;
    EXPECT_TRUE(at::equal(h, ring_h)) << begin;
    EXPECT_TRUE(at::equal(h, slot_h.index_select(0, slot_rows))) << begin;
    EXPECT_TRUE(at::equal(conv_state, at::gather(ring, 1, lines()))) << begin;
    EXPECT_TRUE(at::equal(ring, slot_ring.index_select(0, slot_rows))) << begin;
  }
  // The slots that no stream had.
  const Tensor others = at::arange(kTokens, slots.options()) + kTokens;
  EXPECT_TRUE(slot_h.index_select(0, others).eq(kUntouched).all().item<bool>());
  EXPECT_TRUE(slot_ring.index_select(0, others).eq(kUntouched).all().item<bool>());
}

TEST(RecurrentUnit, RingsChangeNothing) {
  for (const auto dtype : {at::kDouble, at::kFloat, at::kBFloat16}) expect_rings_change_nothing({at::kCPU, dtype, 0});
}

TEST(RecurrentUnit, GpuRingsChangeNothing) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  for (const auto dtype : {at::kFloat, at::kBFloat16}) expect_rings_change_nothing({at::kCUDA, dtype, 0});
}

// Parameters and states may be views that begin anywhere; for the one kernel that wants whole vectors its parts step in.
TEST(RecurrentUnit, GpuTakesTensorsAtAnyAddress) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const at::NoGradGuard no_grad;
  const std::vector<Tensor> drawn = draw(1, 33, 2, 64, /*state=*/true);
  const auto shifted = [](const Tensor& t) {
    return at::empty({t.numel() + 1}, t.options()).narrow(0, 1, t.numel()).view(t.sizes()).copy_(t);
  };
  std::vector<Tensor> whole;
  for (int which = 0; which < kTensors; ++which) {
    const auto dtype = is_activation(which) ? at::kBFloat16 : at::kFloat;
    whole.push_back(drawn[static_cast<std::size_t>(which)].to(at::kCUDA, dtype));
  }
  const auto unit = [&](int odd) {
    std::vector<Tensor> t = whole;
    if (odd >= 0) t[static_cast<std::size_t>(odd)] = shifted(t[static_cast<std::size_t>(odd)]);
    const auto gate = [&](int which) {
      const Tensor& leaf = t[static_cast<std::size_t>(which)];
      return Weight{leaf, odd == which ? shifted(leaf.to(at::kBFloat16)) : leaf.to(at::kBFloat16)};
    };
    return recurrent_unit({.xy_projection = t[0],
                           .conv_w = t[1],
                           .conv_b = t[2],
                           .input_gate = gate(3),
                           .a_gate = gate(4),
                           .input_bias = t[5],
                           .a_bias = t[6],
                           .a_param = t[7],
                           .conv_state = t[8],
                           .h0 = t[9]});
  };
  const RecurrentUnitResult expected = unit(-1);
  for (int odd = 0; odd < kTensors; ++odd) {
    const RecurrentUnitResult actual = unit(odd);
    for (const auto& [a, e] : {std::pair{actual.out, expected.out}, {actual.h_last, expected.h_last}}) {
      const Tensor difference = a.to(at::kFloat) - e.to(at::kFloat);
      EXPECT_LE(difference.norm().item<float>(), 2e-2f * e.to(at::kFloat).norm().item<float>()) << odd;
    }
    EXPECT_TRUE(at::equal(actual.conv_state, expected.conv_state)) << odd;
  }
}

TEST(RecurrentUnit, RefusesWhatDoesNotFit) {
  const auto unit = [&](std::vector<Tensor> t, bool overwrite = false, const StreamPositions& positions = {}) {
    return recurrent_unit({.xy_projection = t[0],
                           .conv_w = t[1],
                           .conv_b = t[2],
                           .input_gate = {t[3], t[3]},
                           .a_gate = {t[4], t[4]},
                           .input_bias = t[5],
                           .a_bias = t[6],
                           .a_param = t[7],
                           .conv_state = t[8],
                           .h0 = t[9],
                           .overwrite = overwrite,
                           .positions = positions});
  };
  const auto drawn = draw(2, 3, 2, 4, false);
  const auto with = [&](std::size_t which, const Tensor& other) {
    std::vector<Tensor> t = drawn;
    t[which] = other;
    return unit(t);
  };
  EXPECT_THROW(with(0, at::zeros({2, 3, 15}, at::kDouble)), Error);
  EXPECT_THROW(with(4, at::zeros({2, 4, 5}, at::kDouble)), Error);
  EXPECT_THROW(with(7, at::zeros({8}, at::kFloat)), Error);
  EXPECT_THROW(with(9, at::zeros({3, 7}, at::kDouble)), Error);
  const auto streams = [&](const Tensor& before, bool overwrite, const Tensor& slots = {}) {
    return unit(draw(2, 3, 2, 4, true), overwrite, {.slots = slots, .frames_before = before});
  };
  streams(at::zeros({3}, at::kLong), true);
  streams(at::zeros({3}, at::kLong), true, at::tensor({2, 0, 1}, at::kLong));
  EXPECT_THROW(streams(at::zeros({3}, at::kLong), false), Error);
  EXPECT_THROW(streams(at::zeros({2}, at::kLong), true), Error);
  EXPECT_THROW(streams(at::zeros({3}, at::kInt), true), Error);
  EXPECT_THROW(streams(at::zeros({3}, at::kLong), true, at::zeros({2}, at::kLong)), Error);
  EXPECT_THROW(streams({}, true, at::tensor({2, 0, 1}, at::kLong)), Error);
}

}  // namespace
}  // namespace trecvit::ops
