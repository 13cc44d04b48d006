// Many streams through one model at a constant cost per frame: a step takes a frame of each stream that has one.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "io/model_file.h"
#include "runtime/cuda_graph.h"

namespace trecvit {

struct StreamOptions {
  std::int64_t slots = 1;  // streams at most, 1..256
  bool graph = true;       // on a GPU: replay each step as a CUDA graph; the answers are the same bit for bit
};

// A stream holds a slot from join() to leave(). A step costs what its own streams cost: kernels read the slot of each,
// nothing is copied when others come, go or have no frame. On a GPU a step of n streams is captured when n streams are
// first stepped together. The model's parameters must stay as they are meanwhile. Not thread-safe; see Scheduler.
class StreamBatch {
 public:
  // Error: the model has no classifier, or `slots` is out of range.
  StreamBatch(const Model& model, const StreamOptions& options);

  // The lowest free slot, for a stream without a past. Error: all are taken.
  std::int64_t join();
  void leave(std::int64_t slot);
  // The stream in `slot` forgets everything, the others nothing.
  void reset(std::int64_t slot);
  std::int64_t slots() const { return state_.slots(); }
  std::int64_t streams() const { return static_cast<std::int64_t>(joined_.size()); }
  // Bytes of the temporal layers that a frame of every slot reads and writes.
  std::int64_t state_bytes_per_frame() const { return state_.bytes_per_frame(); }
  // One stream's memory as named arrays, and back. Error: of another model.
  NamedArrays save(std::int64_t slot) const;
  void load(std::int64_t slot, const NamedArrays& arrays);

  // Where the next frame of `slot` goes: [S, S, 3] RGB pixels, in memory that a GPU reads at full speed.
  std::span<std::uint8_t> pixels(std::int64_t slot);
  // One frame of each of these streams, no slot twice, whose pixels() are there; without a list, of every stream.
  void step(std::span<const std::int64_t> slots);
  void step();
  // After a step with a frame of `slot`, until the next step: [classes] probabilities of this frame alone, and of the mean
  // over all frames since join or reset.
  std::span<const float> frame_probabilities(std::int64_t slot) const { return answer(slot, 0); }
  std::span<const float> mean_probabilities(std::int64_t slot) const { return answer(slot, 1); }

  // The parts of step(), for benchmarks: pixels to the device; the model, only enqueued; answers to the host, waited for.
  void upload(std::span<const std::int64_t> slots);
  void compute();
  void download();
  std::span<const std::int64_t> joined() const { return joined_; }

 private:
  void enqueue(std::int64_t streams, ModelState& state);
  std::span<const float> answer(std::int64_t slot, std::int64_t which) const;

  const Model& model_;
  bool graph_;
  std::vector<std::int64_t> joined_;          // slots that are taken, ascending
  std::vector<std::int64_t> position_;        // by slot: where it was in the last step; -1: not in it
  std::int64_t stepped_ = 0;                  // streams of the last upload()
  bool leading_ = true;                       // they have the first slots, in order
  ModelState state_;                          // of all slots
  at::Tensor staged_pixels_;                  // [slots, S, S, 3] uint8, by slot, on the host
  at::Tensor frame_;                          // [1, slots, S, S, 3] uint8, by position, on the device
  at::Tensor staged_slots_, device_slots_;    // [slots] int64, by position
  at::Tensor answers_, staged_answers_;       // [slots, 2, classes] fp32, by position, on the device and the host
  std::map<std::pair<std::int64_t, bool>, CudaGraph> graphs_;  // by stepped_ and leading_
};

}  // namespace trecvit
