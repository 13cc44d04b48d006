#include "infer/replay.h"

#include "core/error.h"
#ifdef TRECVIT_TORCH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#endif

namespace trecvit {

#ifdef TRECVIT_TORCH_CUDA

struct Replay::Graph {
  at::cuda::CUDAGraph recorded;
};

Replay::Replay(at::Device device, const std::function<void()>& rehearsal, const std::function<void()>& work)
    : graph_(std::make_unique<Graph>()) {
  ensure(device.is_cuda(), "a graph on ", device);
  const c10::cuda::CUDAGuard on(device);
  const auto before = c10::cuda::getCurrentCUDAStream();
  // The stream that everything else waits for cannot be recorded.
  const auto side = c10::cuda::getStreamFromPool();
  before.synchronize();
  {
    const c10::cuda::CUDAStreamGuard guard(side);
    for (int run = 0; run < 2; ++run) rehearsal();
    side.synchronize();
    // Threads that decode or preprocess go on using CUDA meanwhile.
    graph_->recorded.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    work();
    graph_->recorded.capture_end();
  }
}

void Replay::operator()() const { graph_->recorded.replay(); }

#else

struct Replay::Graph {};

Replay::Replay(at::Device device, const std::function<void()>&, const std::function<void()>&) {
  throw InternalError("a graph on ", device, " in a build without CUDA");
}

void Replay::operator()() const {}

#endif

Replay::~Replay() = default;
Replay::Replay(Replay&&) noexcept = default;

}  // namespace trecvit
