#include "infer/stream_batch.h"

#include <algorithm>

#include "core/error.h"

namespace trecvit {

using at::Tensor;

StreamBatch::StreamBatch(const Model& model, const StreamOptions& options)
    : model_(model), graph_(options.graph && model.device.is_cuda()) {
  if (model.net->config().classes == 0)
    throw Error("this model has no classifier; stream and predict need one (a masked auto-encoder has none)");
  if (options.slots < 1 || options.slots > 256) throw UsageError(options.slots, " streams at once; it must be 1..256");
  const bool gpu = model.device.is_cuda();
  const auto n = options.slots, size = model.preprocessing.size;
  const auto host = at::TensorOptions().pinned_memory(gpu);
  taken_.assign(static_cast<std::size_t>(n), false);
  state_ = model.net->make_state(n);
  pixels_ = at::zeros({1, n, size, size, 3}, host.dtype(at::kByte));
  frame_ = gpu ? at::zeros_like(pixels_, model.device) : pixels_;
  answered_ = at::zeros({n, 2, model.net->config().classes}, host.dtype(at::kFloat));
  answers_ = gpu ? at::zeros_like(answered_, model.device) : answered_;
}

std::int64_t StreamBatch::join() {
  const auto free = std::find(taken_.begin(), taken_.end(), false);
  if (free == taken_.end()) throw Error("all ", slots(), " places for streams are taken");
  *free = true;
  const std::int64_t slot = free - taken_.begin();
  reset(slot);
  return slot;
}

void StreamBatch::leave(std::int64_t slot) {
  ensure(slot >= 0 && slot < slots() && taken_[static_cast<std::size_t>(slot)], "no stream in slot ", slot);
  taken_[static_cast<std::size_t>(slot)] = false;
}

void StreamBatch::reset(std::int64_t slot) { state_.reset(slot); }

std::span<std::uint8_t> StreamBatch::pixels(std::int64_t slot) {
  const Tensor own = pixels_.select(1, slot);
  return {own.data_ptr<std::uint8_t>(), static_cast<std::size_t>(own.numel())};
}

std::span<const float> StreamBatch::answer(std::int64_t slot, std::int64_t which) const {
  const Tensor own = answered_.select(0, slot).select(0, which);
  return {own.data_ptr<float>(), static_cast<std::size_t>(own.numel())};
}

std::int64_t StreamBatch::computed() const {
  const auto last = std::find(taken_.rbegin(), taken_.rend(), true);
  const std::int64_t held = taken_.rend() - last;
  ensure(held > 0, "a step without streams");
  std::int64_t n = 1;
  while (n < held) n *= 2;
  return std::min(n, slots());
}

void StreamBatch::step() {
  upload();
  compute();
  download();
}

void StreamBatch::upload() {
  if (frame_.is_same(pixels_)) return;
  const std::int64_t n = computed();
  frame_.narrow(1, 0, n).copy_(pixels_.narrow(1, 0, n), /*non_blocking=*/true);
}

void StreamBatch::compute() {
  const at::NoGradGuard no_grad;
  const std::int64_t n = computed();
  ModelState state = state_.first(n);
  if (!graph_) return enqueue(n, state);
  auto found = replays_.find(n);
  if (found == replays_.end()) {
    ModelState scratch = model_.net->make_state(n);
    found = replays_
                .emplace(n, Replay(
                                model_.device, [&] { enqueue(n, scratch); }, [&] { enqueue(n, state); }))
                .first;
  }
  found->second();
}

void StreamBatch::enqueue(std::int64_t n, ModelState& state) {
  const auto output = (*model_.net)(frame_.narrow(1, 0, n), &state);
  Tensor answers = answers_.narrow(0, 0, n);
  at::softmax_out(answers, at::stack({output.frame_logits, output.logits}, 1), -1);
}

void StreamBatch::download() {
  if (answered_.is_same(answers_)) return;
  const std::int64_t n = computed();
  answered_.narrow(0, 0, n).copy_(answers_.narrow(0, 0, n));
}

}  // namespace trecvit
