#include "runtime/cuda_graph.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace trecvit {
namespace {

// Streams come from a pool of 32: one that was left recording would come back.
void expect_recording_cases(at::Device device) {
  for (int i = 0; i < 40; ++i) {
    const at::Tensor total = at::zeros({4}, at::TensorOptions().device(device));
    const at::Tensor scratch = at::zeros_like(total);
    const CudaGraph replay(
        device, [&] { scratch.add_(1); }, [&] { total.add_(1); });
    replay();
    replay();
    ASSERT_EQ(total.sum().item<float>(), 8) << i;
  }
}

TEST(GpuReplay, AnExceptionWhileRecordingLeavesTheDeviceUsable) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const at::Device device(at::kCUDA, 0);
  const at::Tensor values = at::ones({4}, at::TensorOptions().device(device));
  const auto nothing = [] {};
  const auto fails = [&] {
    const at::Tensor kept = values + 1;  // memory of the graph's own
    throw Error("in the middle");
  };
  EXPECT_THROW(CudaGraph(device, nothing, fails), Error);
  EXPECT_EQ(values.sum().item<float>(), 4);
  expect_recording_cases(device);
}

// A number read back cannot be recorded: the recording is void, and ending it is an error too.
TEST(GpuReplay, WorkThatCannotBeRecordedLeavesTheDeviceUsable) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const at::Device device(at::kCUDA, 0);
  const at::Tensor values = at::ones({4}, at::TensorOptions().device(device));
  EXPECT_ANY_THROW(CudaGraph(
      device, [] {}, [&] { (values + 1).sum().item<float>(); }));
  EXPECT_EQ(values.sum().item<float>(), 4);
  expect_recording_cases(device);
}

TEST(CudaGraph, ADeviceThatIsNoGpuIsRefused) {
  EXPECT_THROW(CudaGraph(
                   at::kCPU, [] {}, [] {}),
               InternalError);
}

}  // namespace
}  // namespace trecvit
