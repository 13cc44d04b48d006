#include "infer/streamer.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "core/error.h"

namespace trecvit {
namespace {

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Streamer::Streamer(const Model& model)
    : model_(model), preprocess_(model.preprocessing.size), state_(model.net->make_state(1)) {
  if (model.net->config().classes == 0)
    throw Error("this model has no classifier; stream and predict need one (a masked auto-encoder has none)");
  const std::int64_t size = model.preprocessing.size;
  pixels_ = at::empty({1, 1, size, size, 3}, at::TensorOptions().dtype(at::kByte).pinned_memory(model.device.is_cuda()));
  device_pixels_ = model.device.is_cuda() ? at::empty_like(pixels_, model.device) : pixels_;
  now_ = at::empty({model.net->config().classes}, at::kFloat);
  smoothed_ = at::empty_like(now_);
  const auto view = [](const at::Tensor& t) {
    return std::span<const float>(t.data_ptr<float>(), static_cast<std::size_t>(t.numel()));
  };
  answer_.now = view(now_);
  answer_.smoothed = view(smoothed_);
}

const StreamAnswer& Streamer::push(const video::Frame& frame) {
  const at::NoGradGuard no_grad;
  const double start = now_ms();
  preprocess_(frame, evaluation_crop(0, 1), pixels_.data_ptr<std::uint8_t>());
  const double ready = now_ms();
  if (model_.device.is_cuda()) device_pixels_.copy_(pixels_, /*non_blocking=*/true);
  const auto output = (*model_.net)(device_pixels_, &state_);
  now_.copy_(at::softmax(model_.net->frame_logits(output.pre_logits[0]), -1)[0]);
  smoothed_.copy_(at::softmax(output.logits, -1)[0]);
  answer_.preprocess_ms = ready - start;
  answer_.model_ms = now_ms() - ready;
  return answer_;
}

void Streamer::reset() { state_.reset(0); }

std::vector<Ranked> top(std::span<const float> probabilities, std::int64_t k) {
  std::vector<Ranked> ranked(probabilities.size());
  for (std::size_t i = 0; i < ranked.size(); ++i) ranked[i] = {static_cast<std::int64_t>(i), probabilities[i]};
  const auto count = static_cast<std::size_t>(std::clamp<std::int64_t>(k, 0, static_cast<std::int64_t>(ranked.size())));
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count), ranked.end(),
                    [](const Ranked& a, const Ranked& b) { return a.p != b.p ? a.p > b.p : a.id < b.id; });
  ranked.resize(count);
  return ranked;
}

std::vector<float> predict_file(const Model& model, const std::string& source, std::int64_t stride, double deadline_s) {
  video::Decoder decoder(source, {.deadline_s = deadline_s});
  Streamer streamer(model);
  for (std::int64_t n = 0; const video::Frame* frame = decoder.next(); ++n)
    if (n % stride == 0) streamer.push(*frame);
  if (streamer.frames() == 0) throw Error(source, " has no frame that can be decoded");
  const auto smoothed = streamer.last().smoothed;
  return {smoothed.begin(), smoothed.end()};
}

}  // namespace trecvit
