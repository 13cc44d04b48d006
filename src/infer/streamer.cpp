#include "infer/streamer.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "core/error.h"
#include "data/loader/paced_frames.h"
#include "infer/evaluate.h"

namespace trecvit {
namespace {

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Streamer::Streamer(const Model& model, bool graph)
    : preprocess_(model.preprocessing.size), batch_(model, {.slots = 1, .graph = graph}), slot_(batch_.join()) {
  answer_.now = batch_.now(slot_);
  answer_.smoothed = batch_.smoothed(slot_);
}

const StreamAnswer& Streamer::push(const video::Frame& frame) {
  const double start = now_ms();
  preprocess_(frame, evaluation_crop(0, 1), batch_.pixels(slot_).data());
  const double ready = now_ms();
  batch_.step();
  ++frames_;
  answer_.preprocess_ms = ready - start;
  answer_.model_ms = now_ms() - ready;
  return answer_;
}

void Streamer::reset() {
  batch_.reset(slot_);
  frames_ = 0;
}

std::vector<Ranked> top(std::span<const float> probabilities, std::int64_t k) {
  std::vector<Ranked> ranked(probabilities.size());
  for (std::size_t i = 0; i < ranked.size(); ++i) ranked[i] = {static_cast<std::int64_t>(i), probabilities[i]};
  const auto count = static_cast<std::size_t>(std::clamp<std::int64_t>(k, 0, static_cast<std::int64_t>(ranked.size())));
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count), ranked.end(),
                    [](const Ranked& a, const Ranked& b) { return a.p != b.p ? a.p > b.p : a.id < b.id; });
  ranked.resize(count);
  return ranked;
}

std::vector<float> predict_file(Streamer& streamer, const std::string& source, Pace pace, double deadline_s) {
  video::Decoder decoder(source, {.deadline_s = deadline_s, .live = true});
  PacedFrames frames([&] { return decoder.next(); }, pace);
  streamer.reset();
  while (const video::Frame* frame = frames.next()) streamer.push(*frame);
  if (streamer.frames() == 0) throw Error(source, " has no frame that can be decoded");
  const auto smoothed = streamer.last().smoothed;
  check_probabilities(smoothed, source);
  return {smoothed.begin(), smoothed.end()};
}

}  // namespace trecvit
