// Leaves whose sizes no vector divides leave gaps in the flat buffers. Training does not see them, and files do not
// have them.
#include <gtest/gtest.h>

#include <limits>

#include "io/model_file.h"
#include "train/adamw.h"

namespace trecvit {
namespace {

struct Trained {
  Trained() {
    store.add("kernel", {7, 5}, /*decay=*/true, nn::normal(1));
    store.add("bias", {5}, /*decay=*/false, nn::normal(1));
    store.add("gate", {3, 3, 3}, /*decay=*/true, nn::normal(1));
    store.allocate(at::kCPU);
    store.initialise(1);
  }
  // The padding between the leaves of a buffer, and zeros instead of the leaves.
  at::Tensor gaps(const at::Tensor& flat) const {
    at::Tensor rest = flat.clone();
    for (const auto& p : store.all()) rest.narrow(0, p.value.storage_offset(), p.value.numel()).zero_();
    return rest;
  }
  nn::ParameterStore store;
};

std::int64_t elements(const NamedArrays& arrays) {
  std::int64_t count = 0;
  for (const auto& [name, array] : arrays) count += array.count();
  return count;
}

TEST(OddLeaves, StepsLeaveTheGapsAtZeroAndOutOfTheNorm) {
  Trained run;
  AdamW optimizer(run.store.flat(), run.store.decayed_count(), {.weight_decay = 0.1});
  for (int step = 0; step < 3; ++step) {
    double squares = 0;
    for (const auto& p : run.store.all()) {
      p.value.grad().fill_(0.5);
      squares += 0.25 * static_cast<double>(p.value.numel());
    }
    EXPECT_NEAR(optimizer.step(run.store.flat_grad(), at::ones({1}), /*lr=*/1e-2, /*clip=*/1).item<double>(), std::sqrt(squares),
                1e-5);
  }
  for (const at::Tensor& flat : {run.store.flat(), optimizer.mean, optimizer.square})
    EXPECT_EQ(run.gaps(flat).abs().max().item<float>(), 0);
}

TEST(OddLeaves, DecayedLeavesAloneDecay) {
  Trained run;
  const at::Tensor before = run.store.flat().clone();
  AdamW optimizer(run.store.flat(), run.store.decayed_count(), {.weight_decay = 0.5});
  optimizer.step(run.store.flat_grad(), at::ones({1}), /*lr=*/0.1);  // without a gradient only the decay moves values
  for (const auto& p : run.store.all()) {
    const at::Tensor was = before.narrow(0, p.value.storage_offset(), p.value.numel()).view(p.shape);
    EXPECT_TRUE(at::allclose(p.value.detach(), p.decay ? was * 0.95 : was)) << p.parts.front().name;
  }
}

TEST(OddLeaves, FilesHoldTheParametersAloneAndComeBackBitForBit) {
  Trained run;
  const NamedArrays arrays = arrays_of(run.store, run.store.flat());
  EXPECT_EQ(elements(arrays), 35 + 5 + 27);
  at::Tensor back = at::full_like(run.store.flat(), std::numeric_limits<float>::quiet_NaN());
  fill_flat(run.store, arrays, "file", back);
  EXPECT_TRUE(at::equal(back, run.store.flat()));
}

}  // namespace
}  // namespace trecvit
