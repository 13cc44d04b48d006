// A mixer's memory: slots come, go, move and are saved.
#include "nn/mixer_state.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "nn/tensors.h"

namespace trecvit::nn {
namespace {

using at::Tensor;

constexpr std::int64_t kSlots = 3, kTokens = 2;

// A vector per row, and a ring of three lines; every number is another one.
MixerState numbered() {
  const auto numbers = [](at::IntArrayRef shape, double first) {
    std::int64_t count = 1;
    for (const auto d : shape) count *= d;
    return (at::arange(count, at::kFloat) + first).view(shape);
  };
  return MixerState({{.name = "h", .tensor = numbers({kSlots * kTokens, 4}, 1)},
                     {.name = "inputs", .tensor = numbers({kSlots * kTokens, 3, 4}, 1000), .ring = true}},
                    kSlots);
}

TEST(MixerState, ResetForgetsOneSlot) {
  MixerState state = numbered();
  const MixerState before = numbered();
  state.reset(1);
  for (std::size_t field : {0, 1}) {
    EXPECT_EQ(state.tensor(field).narrow(0, 2, 2).abs().sum().item<float>(), 0);
    EXPECT_TRUE(at::equal(state.tensor(field).narrow(0, 0, 2), before.tensor(field).narrow(0, 0, 2)));
    EXPECT_TRUE(at::equal(state.tensor(field).narrow(0, 4, 2), before.tensor(field).narrow(0, 4, 2)));
  }
  EXPECT_THROW(state.reset(3), InternalError);
}

TEST(MixerState, GatheredSlotsScatterBack) {
  const MixerState from = numbered();
  const auto part = from.gather({2, 0});
  EXPECT_EQ(part->slots(), 2);
  MixerState into = numbered();
  into.reset(0);
  into.reset(2);
  into.scatter({2, 0}, *part);
  for (std::size_t field : {0, 1}) EXPECT_TRUE(at::equal(into.tensor(field), from.tensor(field)));
}

TEST(MixerState, CountsItsBytes) {
  const MixerState state = numbered();
  const std::int64_t h = kSlots * kTokens * 4 * 4;
  EXPECT_EQ(state.bytes(), h + 3 * h);
  EXPECT_EQ(state.bytes_per_frame(), 2 * h + 3 * h + h);  // h is read and written; a ring is read, and one line written
}

// Whatever the number of frames, files hold a ring from its oldest line on.
TEST(MixerState, SavedRingsAreInOrderAndComeBack) {
  const MixerState state = numbered();
  for (const std::int64_t frames : {0, 1, 5, 300}) {
    const Tensor processed = at::tensor({frames, frames + 1, frames + 2}, at::kLong);
    NamedArrays arrays;
    state.save("layer", processed, arrays);
    const Tensor saved = to_tensor(arrays.at("layer/1"));
    for (std::int64_t slot = 0; slot < kSlots; ++slot)
      for (std::int64_t k = 0; k < 3; ++k)
        EXPECT_TRUE(at::equal(saved[slot * kTokens][k], state.tensor(1)[slot * kTokens][(frames + slot + k) % 3]));
    MixerState other = numbered();
    for (std::int64_t slot = 0; slot < kSlots; ++slot) other.reset(slot);
    other.check("layer", arrays);
    other.load("layer", processed, arrays);
    for (std::size_t field : {0, 1}) EXPECT_TRUE(at::equal(other.tensor(field), state.tensor(field)));
  }
}

TEST(MixerState, AStateOfAnotherShapeIsRefused) {
  const MixerState state = numbered();
  NamedArrays arrays;
  state.save("layer", at::zeros({kSlots}, at::kLong), arrays);
  EXPECT_THROW(state.check("other", arrays), Error);
  arrays["layer/0"] = to_array(at::zeros({kSlots * kTokens, 5}));
  EXPECT_THROW(state.check("layer", arrays), Error);
  arrays["layer/0"] = to_array(at::zeros({kSlots * kTokens, 4}, at::kLong));
  EXPECT_THROW(state.check("layer", arrays), Error);
}

}  // namespace
}  // namespace trecvit::nn
