// Where leaves lie in the flat buffer: every one at an address from which kernels can load whole vectors.
#include "nn/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace trecvit::nn {
namespace {

// Leaves of sizes that no vector divides, decayed and not.
struct OddStore {
  OddStore() {
    store.add("kernel", {7, 5}, /*decay=*/true, normal(1));
    store.add("bias", {5}, /*decay=*/false, normal(1));
    store.add_columns({"q", "k", "v"}, /*rows=*/3, /*columns=*/11, {3, 11}, /*decay=*/true, normal(1));
    store.add_columns({"q/b", "k/b", "v/b"}, /*rows=*/1, /*columns=*/11, {11}, /*decay=*/false, normal(1));
    store.add("scale", {1}, /*decay=*/false, normal(1));
    store.add("gate", {2, 9, 9}, /*decay=*/true, normal(1));
    store.add("whole", {16}, /*decay=*/false, normal(1));
    store.allocate(at::kCPU);
    store.initialise(1);
  }
  ParameterStore store;
};

constexpr std::int64_t kParameters = 35 + 5 + 99 + 33 + 1 + 162 + 16;

TEST(ParameterStore, EveryLeafBeginsAtSixteenBytesInEveryDtype) {
  OddStore odd;
  odd.store.cast(at::kBFloat16);
  for (const auto& p : odd.store.all()) {
    const std::string& name = p.parts.front().name;
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      const at::Tensor value = p.weight(dtype).value;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(value.data_ptr()) % 16, 0u) << name << " as " << dtype;
      EXPECT_TRUE(at::equal(value, p.value.detach().to(dtype))) << name << " as " << dtype;
    }
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p.value.grad().data_ptr()) % 16, 0u) << name << ", gradient";
  }
}

TEST(ParameterStore, LeavesDoNotOverlapAndDecayedOnesStandFirst) {
  const OddStore odd;
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  for (const auto& p : odd.store.all()) {
    const std::int64_t begin = p.value.storage_offset(), end = begin + p.value.numel();
    ranges.emplace_back(begin, end);
    EXPECT_EQ(p.value.grad().storage_offset(), begin);
    if (p.decay) {
      EXPECT_LE(end, odd.store.decayed_count());
    } else {
      EXPECT_GE(begin, odd.store.decayed_count());
    }
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_LE(ranges[i - 1].second, ranges[i].first);
  EXPECT_LE(ranges.back().second, odd.store.flat().numel());
}

TEST(ParameterStore, WhatLiesBetweenLeavesIsZeroAndNotCounted) {
  const OddStore odd;
  EXPECT_EQ(odd.store.count(), kParameters);
  at::Tensor rest = odd.store.flat().clone();
  for (const auto& p : odd.store.all()) rest.narrow(0, p.value.storage_offset(), p.value.numel()).zero_();
  EXPECT_GT(rest.numel(), kParameters);
  EXPECT_EQ(rest.abs().max().item<float>(), 0);
}

TEST(ParameterStore, LeavesOfWholeVectorsLieCloseTogether) {
  ParameterStore store;
  for (const char* name : {"a", "b", "c"}) store.add(name, {3, 8}, /*decay=*/name[0] == 'b', zeros());
  store.allocate(at::kCPU);
  EXPECT_EQ(store.flat().numel(), store.count());
}

}  // namespace
}  // namespace trecvit::nn
