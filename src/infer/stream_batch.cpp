#include "infer/stream_batch.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace trecvit {

using at::Tensor;

StreamBatch::StreamBatch(const Model& model, const StreamOptions& options)
    : model_(model), graph_(options.graph && model.device.is_cuda()) {
  const ModelConfig& config = model.net->config();
  if (config.classes == 0)
    throw Error("this model has no classifier; stream and predict need one (a masked auto-encoder has none)");
  if (options.slots < 1 || options.slots > 256) throw UsageError(options.slots, " streams at once; it must be 1..256");
  const bool gpu = model.device.is_cuda();
  const auto n = options.slots, size = model.preprocessing.size;
  const auto host = at::TensorOptions().pinned_memory(gpu), device = at::TensorOptions().device(model.device);
  position_.assign(static_cast<std::size_t>(n), -1);
  state_ = model.net->make_state(n);
  staged_pixels_ = at::zeros({n, size, size, 3}, host.dtype(at::kByte));
  frame_ = at::zeros({1, n, size, size, 3}, device.dtype(at::kByte));
  staged_slots_ = at::zeros({n}, host.dtype(at::kLong));
  device_slots_ = gpu ? at::zeros({n}, device.dtype(at::kLong)) : staged_slots_;
  staged_answers_ = at::zeros({n, 2, config.classes}, host.dtype(at::kFloat));
  answers_ = gpu ? at::zeros_like(staged_answers_, model.device) : staged_answers_;
}

std::int64_t StreamBatch::join() {
  std::int64_t slot = 0;
  while (slot < streams() && joined_[static_cast<std::size_t>(slot)] == slot) ++slot;  // joined_ is ascending
  if (slot == slots()) throw Error("all ", slots(), " places for streams are taken");
  joined_.insert(joined_.begin() + slot, slot);
  reset(slot);
  return slot;
}

void StreamBatch::leave(std::int64_t slot) {
  const auto found = std::find(joined_.begin(), joined_.end(), slot);
  ensure(found != joined_.end(), "no stream in slot ", slot);
  joined_.erase(found);
  position_[static_cast<std::size_t>(slot)] = -1;
}

void StreamBatch::reset(std::int64_t slot) { state_.reset(slot); }

NamedArrays StreamBatch::save(std::int64_t slot) const { return state_.gather({slot}).save(); }

void StreamBatch::load(std::int64_t slot, const NamedArrays& arrays) {
  ModelState one = model_.net->make_state(1);
  one.load(arrays);
  state_.scatter({slot}, one);
}

std::span<std::uint8_t> StreamBatch::pixels(std::int64_t slot) {
  const Tensor own = staged_pixels_.select(0, slot);
  return {own.data_ptr<std::uint8_t>(), static_cast<std::size_t>(own.numel())};
}

std::span<const float> StreamBatch::answer(std::int64_t slot, std::int64_t which) const {
  const std::int64_t position = position_[static_cast<std::size_t>(slot)];
  ensure(position >= 0, "slot ", slot, " had no frame in the last step");
  const Tensor own = staged_answers_.select(0, position).select(0, which);
  return {own.data_ptr<float>(), static_cast<std::size_t>(own.numel())};
}

void StreamBatch::step(std::span<const std::int64_t> slots) {
  upload(slots);
  compute();
  download();
}

void StreamBatch::step() { step(joined_); }

void StreamBatch::upload(std::span<const std::int64_t> slots) {
  ensure(!slots.empty(), "a step without streams");
  std::fill(position_.begin(), position_.end(), -1);
  stepped_ = static_cast<std::int64_t>(slots.size());
  leading_ = true;
  auto* staged = staged_slots_.data_ptr<std::int64_t>();
  for (std::int64_t at = 0; at < stepped_; ++at) {
    const std::int64_t slot = slots[static_cast<std::size_t>(at)];
    ensure(std::binary_search(joined_.begin(), joined_.end(), slot), "no stream in slot ", slot);
    std::int64_t& position = position_[static_cast<std::size_t>(slot)];
    ensure(position < 0, "slot ", slot, " twice in a step");
    position = at;
    staged[at] = slot;
    leading_ = leading_ && slot == at;
  }
  // Neighbouring slots travel together.
  for (std::int64_t begin = 0; begin < stepped_;) {
    std::int64_t end = begin + 1;
    while (end < stepped_ && staged[end] == staged[end - 1] + 1) ++end;
    frame_[0].narrow(0, begin, end - begin)
        .copy_(staged_pixels_.narrow(0, staged[begin], end - begin), /*non_blocking=*/true);
    begin = end;
  }
  if (!leading_ && !device_slots_.is_same(staged_slots_))
    device_slots_.narrow(0, 0, stepped_).copy_(staged_slots_.narrow(0, 0, stepped_), /*non_blocking=*/true);
}

void StreamBatch::compute() {
  const at::NoGradGuard no_grad;
  const std::int64_t n = stepped_;
  if (!graph_) return enqueue(n, state_);
  auto found = graphs_.find({n, leading_});
  if (found == graphs_.end()) {
    // Warm-up steps must not count as frames of the streams.
    ModelState scratch = model_.net->make_state(slots());
    found = graphs_
                .emplace(std::pair{n, leading_}, CudaGraph(
                                model_.device, [&] { enqueue(n, scratch); }, [&] { enqueue(n, state_); },
                                graphs_.empty() ? nullptr : &graphs_.begin()->second))
                .first;
  }
  found->second();
}

void StreamBatch::enqueue(std::int64_t n, ModelState& state) {
  const Tensor slots = leading_ ? Tensor() : device_slots_.narrow(0, 0, n);
  const auto output = model_.net->classify_streams(frame_.narrow(1, 0, n), state, slots);
  Tensor answers = answers_.narrow(0, 0, n);
  at::softmax_out(answers, at::stack({output.frame_logits, output.logits}, 1), -1);
}

void StreamBatch::download() {
  if (staged_answers_.is_same(answers_)) return;
  staged_answers_.narrow(0, 0, stepped_).copy_(answers_.narrow(0, 0, stepped_));
}

}  // namespace trecvit
