#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "fixtures.h"
#include "gpu_buffer.h"
#include "kernels/column_sums/column_sums_cuda.h"
#include "kernels/column_sums/reference.h"

namespace trecvit::kernels {
namespace {

template <class Io>
void expect_matches(std::int64_t rows, std::int64_t columns) {
  SCOPED_TRACE(testing::Message() << rows << " x " << columns);
  Rng rng(3);
  const auto x = random_numbers<Io>(rows * columns, rng, 1.0, 0.1);
  std::vector<double> expected(columns);
  reference::column_sums(ColumnSumsParams<double>{rows, columns, x.exact.data(), expected.data()});
  std::vector<float> first;
  for (int repeat = 0; repeat < 2; ++repeat) {
    OnDevice device;
    std::vector<float> sums = poisoned<float>(columns);
    std::vector<float> partials = poisoned<float>(column_sums_partials_cuda(rows, columns));
    column_sums_cuda<Io>({rows, columns, device.in(x.io.data(), rows * columns), device.out(sums.data(), columns),
                          device.out(partials.data(), partials.size())},
                         nullptr);
    device.finish();
    EXPECT_LE(worst_error(sums, expected), 1e-5);
    if (repeat == 0) first = sums;
    EXPECT_EQ(sums, first);
  }
}

TEST(GpuColumnSums, MatchTheReference) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (const auto& [rows, columns] :
       {std::pair{1, 1}, {3, 7}, {33, 24}, {197, 768}, {1000, 130}, {70'000, 8}, {5, 3072}}) {
    expect_matches<float>(rows, columns);
    expect_matches<Bf16>(rows, columns);
  }
}

}  // namespace
}  // namespace trecvit::kernels
#endif
