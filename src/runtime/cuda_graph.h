// Work on a GPU recorded once, as a CUDA graph, and replayed without the cost of its many launches.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>

namespace trecvit {

class CudaGraph {
 public:
  // Records `work`: it may only enqueue, on tensors that stay where they are, and read no number back. `warm_up` does
  // the same elsewhere; it runs first, so that libraries set themselves up outside the recording. Neither changes what
  // a replay does. InternalError: a device that is no GPU, or a build without CUDA.
  // `memory_of`: another graph of that device, never replayed at the same time, whose memory for intermediate results this
  // one shares; null: memory of its own.
  CudaGraph(at::Device device, const std::function<void()>& warm_up, const std::function<void()>& work,
            const CudaGraph* memory_of = nullptr);
  ~CudaGraph();
  CudaGraph(CudaGraph&&) noexcept;

  // Enqueues the work on the current stream.
  void operator()() const;

 private:
  struct Graph;
  std::unique_ptr<Graph> graph_;
};

}  // namespace trecvit
