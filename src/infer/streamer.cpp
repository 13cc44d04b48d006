#include "infer/streamer.h"

#include <algorithm>
#include <numeric>

#include "core/clock.h"
#include "core/error.h"
#include "data/loader/paced_frames.h"
#include "infer/evaluate.h"

namespace trecvit {

Streamer::Streamer(const Model& model, bool graph)
    : preprocess_(model.preprocessing.size),
      own_(std::make_unique<Scheduler>(model, SchedulerOptions{.slots = 1, .graph = graph})),
      session_(own_->open()) {}

Streamer::Streamer(const Model& model, Scheduler& scheduler)
    : preprocess_(model.preprocessing.size), session_(scheduler.open()) {}

const StreamAnswer& Streamer::push(const video::Frame& frame) {
  const double start = now_ms();
  preprocess_(frame, evaluation_crop(0, 1), session_->pixels().data());
  const double ready = now_ms();
  const SessionAnswer& answer = session_->push();
  answer_ = {.frame_probabilities = answer.frame_probabilities,
             .mean_probabilities = answer.mean_probabilities,
             .preprocess_ms = ready - start,
             .model_ms = now_ms() - ready};
  return answer_;
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
  const auto smoothed = streamer.last().mean_probabilities;
  check_probabilities(smoothed, source);
  return {smoothed.begin(), smoothed.end()};
}

}  // namespace trecvit
