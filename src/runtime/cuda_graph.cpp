#include "runtime/cuda_graph.h"

#include "core/error.h"
#ifdef TRECVIT_TORCH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#endif

namespace trecvit {

#ifdef TRECVIT_TORCH_CUDA

struct CudaGraph::Graph {
  at::cuda::CUDAGraph recorded;
  at::cuda::MempoolId_t pool;
};

namespace {

// Work on the current stream becomes the graph. A capture that an exception leaves is ended all the same:
// the stream goes back to its pool, and whoever got it next could do nothing with it.
class Recording {
 public:
  Recording(at::cuda::CUDAGraph& graph, c10::DeviceIndex device, at::cuda::MempoolId_t pool)
      : graph_(graph), device_(device), pool_(pool) {
    // Threads that decode or preprocess go on using CUDA meanwhile.
    graph_.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
  }
  ~Recording() {
    if (open_) abandon();
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  void end() {
    graph_.capture_end();
    open_ = false;
  }

 private:
  void abandon() noexcept {
    try {
      graph_.capture_end();
      return;
    } catch (...) {  // the work did what cannot be recorded
      cudaGetLastError();
    }
    // LibTorch stops there, with the stream free again but the allocator still taking its memory from the graph's pool.
    try {
      c10::cuda::CUDACachingAllocator::endAllocateToPool(device_, pool_);
      c10::cuda::CUDACachingAllocator::releasePool(device_, pool_);
    } catch (...) {
      cudaGetLastError();
    }
  }

  at::cuda::CUDAGraph& graph_;
  c10::DeviceIndex device_;
  at::cuda::MempoolId_t pool_;  // a graph does not tell its own after a failure
  bool open_ = true;
};

}  // namespace

CudaGraph::CudaGraph(at::Device device, const std::function<void()>& warm_up, const std::function<void()>& work,
                     const CudaGraph* memory_of) {
  ensure(device.is_cuda(), "a graph on ", device);
  graph_ = std::make_unique<Graph>();  // asks the driver, which may not be there
  graph_->pool = memory_of ? memory_of->graph_->pool : at::cuda::graph_pool_handle();
  const c10::cuda::CUDAGuard on(device);
  const auto before = c10::cuda::getCurrentCUDAStream();
  // The stream that everything else waits for cannot be recorded.
  const auto side = c10::cuda::getStreamFromPool();
  before.synchronize();
  {
    const c10::cuda::CUDAStreamGuard guard(side);
    for (int run = 0; run < 2; ++run) warm_up();
    side.synchronize();
    Recording recording(graph_->recorded, side.device_index(), graph_->pool);
    work();
    recording.end();
  }
}

void CudaGraph::operator()() const { graph_->recorded.replay(); }

#else

struct CudaGraph::Graph {};

CudaGraph::CudaGraph(at::Device device, const std::function<void()>&, const std::function<void()>&, const CudaGraph*) {
  throw InternalError("a graph on ", device, " in a build without CUDA");
}

void CudaGraph::operator()() const {}

#endif

CudaGraph::~CudaGraph() = default;
CudaGraph::CudaGraph(CudaGraph&&) noexcept = default;

}  // namespace trecvit
