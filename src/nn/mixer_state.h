// The memory of one temporal mixer: one row per token of every slot.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"

namespace trecvit::nn {

// Letters: S slots, N tokens of a frame.
struct StateField {
  std::string name;   // as the official model names it: "rg_lru", "conv1d"
  at::Tensor tensor;  // [S*N, ...], slot by slot; a ring: [S*N, K, ...]
  bool ring = false;  // frame s of a stream is line s mod K, so that a frame writes one line and moves none
};

// Named fields, and everything that streaming does with them. A mixer whose memory is more than its fields (a length of
// its own, say) derives from this and overrides what differs.
class MixerState {
 public:
  MixerState(std::vector<StateField> fields, std::int64_t slots) : fields_(std::move(fields)), slots_(slots) {}
  virtual ~MixerState() = default;
  MixerState(MixerState&&) = default;

  std::int64_t slots() const { return slots_; }
  const std::vector<StateField>& fields() const { return fields_; }
  const at::Tensor& tensor(std::size_t field) const { return fields_[field].tensor; }

  // The stream of a slot forgets everything, the others nothing.
  virtual void reset(std::int64_t slot);
  virtual std::unique_ptr<MixerState> clone() const;
  // The given slots, in that order, as a state of their own; and back into them.
  virtual std::unique_ptr<MixerState> gather(const std::vector<std::int64_t>& slots) const;
  virtual void scatter(const std::vector<std::int64_t>& slots, const MixerState& from);

  // Bytes of all slots; and the bytes that one frame of every slot reads and writes (of a ring it writes one line).
  virtual std::int64_t bytes() const;
  virtual std::int64_t bytes_per_frame() const;

  // A copy of a field with the lines of a ring in order, oldest first, as recurrentgemma's cache has them.
  // frames_processed [S] int64.
  at::Tensor in_order(std::size_t field, const at::Tensor& frames_processed) const;
  // As arrays "PREFIX/0", "PREFIX/1", ..., rings in order.
  virtual void save(const std::string& prefix, const at::Tensor& frames_processed, NamedArrays& arrays) const;
  // Error: an array that is missing or has another shape or type. check() changes nothing; load() expects it to have
  // passed.
  virtual void check(const std::string& prefix, const NamedArrays& arrays) const;
  virtual void load(const std::string& prefix, const at::Tensor& frames_processed, const NamedArrays& arrays);

 private:
  at::Tensor slot_rows(const StateField& field, std::int64_t slot) const;

  std::vector<StateField> fields_;
  std::int64_t slots_;
};

}  // namespace trecvit::nn
