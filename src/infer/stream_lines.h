// The lines that `trecvit stream` writes: one per frame, one summary.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "infer/answer_json.h"

namespace trecvit {

struct FrameLine {
  std::int64_t frame = 0;
  double pts_s = 0;
  double decode_ms = 0, preprocess_ms = 0, model_ms = 0, total_ms = 0;
  std::span<const float> frame_probabilities, mean_probabilities;
  std::int64_t dropped = 0;
  const char* event = nullptr;  // "reset", "label" or none
};

class StreamLines {
 public:
  StreamLines(const std::string& source, const std::vector<std::string>& labels, std::int64_t topk)
      : source_(quoted(source)), writer_(labels, topk) {}

  // Without the end of the line; valid until the next call.
  const std::string& frame(const FrameLine& line);

  // After the last frame.
  const std::string& summary(double seconds);

 private:
  double percentile(double share) const;

  // The newest so many frames decide the percentiles: a stream may never end.
  static constexpr std::size_t kRemembered = 65536;

  std::string source_, out_, last_topk_, last_smoothed_;
  AnswerWriter writer_;
  std::vector<double> latencies_;
  std::int64_t frames_ = 0, dropped_ = 0;
};

}  // namespace trecvit
