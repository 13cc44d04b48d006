// Work on a GPU recorded once, as a CUDA graph, and replayed without the cost of its many launches.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>

namespace trecvit {

class Replay {
 public:
  // Records `work`: it may only enqueue, on tensors that stay where they are, and read no number back. `rehearsal` does
  // the same elsewhere; it runs first, so that libraries set themselves up outside the recording. Neither changes what
  // a replay does. InternalError: a device that is no GPU, or a build without CUDA.
  Replay(at::Device device, const std::function<void()>& rehearsal, const std::function<void()>& work);
  ~Replay();
  Replay(Replay&&) noexcept;

  // Enqueues the work on the current stream.
  void operator()() const;

 private:
  struct Graph;
  std::unique_ptr<Graph> graph_;
};

}  // namespace trecvit
