// Many streams through one model at the same cost for ever: a step takes one frame of each.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "infer/replay.h"
#include "io/model_file.h"

namespace trecvit {

struct StreamOptions {
  std::int64_t slots = 1;  // streams at most, 1..256
  bool graph = true;       // on a GPU: replay each step as a CUDA graph; the answers are the same bit for bit
};

// A stream holds a slot from join() to leave(). Nothing in memory moves when others come and go. A step computes the
// first 1, 2, 4, ... slots, as few as hold all streams, and on a GPU is recorded when that number is needed for the
// first time. The model's parameters must stay as they are meanwhile.
class StreamBatch {
 public:
  // Error: the model has no classifier, or `slots` is out of range.
  StreamBatch(const Model& model, const StreamOptions& options);

  // The lowest free slot, for a stream that has seen nothing. Error: all are taken.
  std::int64_t join();
  void leave(std::int64_t slot);
  // The stream in `slot` forgets everything, the others nothing.
  void reset(std::int64_t slot);
  std::int64_t slots() const { return state_.streams(); }
  // Of the recurrent layers, all slots: what a frame must read and write.
  std::int64_t state_bytes_moved() const { return state_.bytes_moved(); }

  // Where the next frame of `slot` belongs: [S, S, 3] levels, in memory that a GPU reads at full speed.
  std::span<std::uint8_t> pixels(std::int64_t slot);
  // One frame of every stream: each must have put its own into pixels().
  void step();
  // After step(), until the next: [classes] probabilities by this frame alone, and by the mean over all frames since
  // join or reset.
  std::span<const float> now(std::int64_t slot) const { return answer(slot, 0); }
  std::span<const float> smoothed(std::int64_t slot) const { return answer(slot, 1); }

  // The parts of step(), for clocks: pixels to the device; the model, enqueued alone; answers to the host, waited for.
  void upload();
  void compute();
  void download();

 private:
  // The number of slots that a step computes.
  std::int64_t computed() const;
  void enqueue(std::int64_t streams, ModelState& state);
  std::span<const float> answer(std::int64_t slot, std::int64_t which) const;

  const Model& model_;
  bool graph_;
  std::vector<bool> taken_;                 // by slot
  ModelState state_;                        // of all slots
  at::Tensor pixels_, frame_;               // [1, slots, S, S, 3] uint8 on the host and on the device
  at::Tensor answers_, answered_;           // [slots, 2, classes] fp32 on the device and on the host: now, smoothed
  std::map<std::int64_t, Replay> replays_;  // by the number of slots computed
};

}  // namespace trecvit
