#include "nn/mixer_state.h"

#include "core/error.h"
#include "nn/tensors.h"

namespace trecvit::nn {
namespace {

using at::Tensor;

// The lines of a ring [S*N, K, ...] from the oldest on, as an index for gather and scatter.
Tensor lines_in_time(const Tensor& ring, const Tensor& frames_processed) {
  const std::int64_t slots = frames_processed.size(0), rows = ring.size(0), length = ring.size(1);
  const Tensor lines = (frames_processed.unsqueeze(1) + at::arange(length, frames_processed.options())).remainder(length);
  return lines.unsqueeze(1).expand({slots, rows / slots, length}).reshape({rows, length, 1}).expand(ring.sizes());
}

std::string array_name(const std::string& prefix, std::size_t field) { return prefix + "/" + std::to_string(field); }

}  // namespace

Tensor MixerState::slot_rows(const StateField& field, std::int64_t slot) const {
  ensure(slot >= 0 && slot < slots_, "slot ", slot, " of ", slots_);
  const std::int64_t rows = field.tensor.size(0) / slots_;
  return field.tensor.narrow(0, slot * rows, rows);
}

void MixerState::reset(std::int64_t slot) {
  for (const StateField& field : fields_) slot_rows(field, slot).zero_();
}

std::unique_ptr<MixerState> MixerState::clone() const {
  std::vector<StateField> copies = fields_;
  for (StateField& field : copies) field.tensor = field.tensor.clone();
  return std::make_unique<MixerState>(std::move(copies), slots_);
}

std::unique_ptr<MixerState> MixerState::gather(const std::vector<std::int64_t>& slots) const {
  std::vector<StateField> parts = fields_;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    std::vector<Tensor> rows;
    for (const std::int64_t slot : slots) rows.push_back(slot_rows(fields_[i], slot));
    parts[i].tensor = at::cat(rows);
  }
  return std::make_unique<MixerState>(std::move(parts), static_cast<std::int64_t>(slots.size()));
}

void MixerState::scatter(const std::vector<std::int64_t>& slots, const MixerState& from) {
  ensure(from.slots_ == static_cast<std::int64_t>(slots.size()) && from.fields_.size() == fields_.size(),
         "a state of ", from.slots_, " slots into ", slots.size());
  for (std::size_t i = 0; i < fields_.size(); ++i)
    for (std::size_t k = 0; k < slots.size(); ++k)
      slot_rows(fields_[i], slots[k]).copy_(from.slot_rows(from.fields_[i], static_cast<std::int64_t>(k)));
}

std::int64_t MixerState::bytes() const {
  std::int64_t total = 0;
  for (const StateField& field : fields_) total += static_cast<std::int64_t>(field.tensor.nbytes());
  return total;
}

std::int64_t MixerState::bytes_per_frame() const {
  std::int64_t total = 0;
  for (const StateField& field : fields_) {
    const auto all = static_cast<std::int64_t>(field.tensor.nbytes());
    total += all + (field.ring ? all / field.tensor.size(1) : all);
  }
  return total;
}

Tensor MixerState::in_order(std::size_t index, const Tensor& frames_processed) const {
  const StateField& field = fields_[index];
  return field.ring ? at::gather(field.tensor, 1, lines_in_time(field.tensor, frames_processed)) : field.tensor.clone();
}

void MixerState::save(const std::string& prefix, const Tensor& frames_processed, NamedArrays& arrays) const {
  for (std::size_t i = 0; i < fields_.size(); ++i)
    arrays[array_name(prefix, i)] = to_array(in_order(i, frames_processed));
}

void MixerState::check(const std::string& prefix, const NamedArrays& arrays) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) check_saved_tensor(array_name(prefix, i), arrays, fields_[i].tensor);
}

void MixerState::load(const std::string& prefix, const Tensor& frames_processed, const NamedArrays& arrays) {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const StateField& field = fields_[i];
    const Tensor loaded = to_tensor(arrays.at(array_name(prefix, i))).to(field.tensor.options());
    if (field.ring) {
      field.tensor.scatter_(1, lines_in_time(field.tensor, frames_processed), loaded);
    } else {
      field.tensor.copy_(loaded);
    }
  }
}

}  // namespace trecvit::nn
