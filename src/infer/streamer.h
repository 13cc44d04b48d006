// A model on live video: one frame in, an answer out, at the same cost for ever. `predict` runs the same code on files.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/loader/preprocess.h"
#include "data/loader/sampling.h"
#include "data/video/decoder.h"
#include "infer/stream_batch.h"

namespace trecvit {

struct StreamAnswer {
  std::span<const float> now;       // [classes] probabilities from this frame's own pre-logits
  std::span<const float> smoothed;  // [classes] probabilities from the mean over all frames since the last reset
  double preprocess_ms = 0, model_ms = 0;
};

// One stream. Buffers are made once; push() allocates nothing of ours.
class Streamer {
 public:
  // `graph` as in StreamOptions.
  explicit Streamer(const Model& model, bool graph = true);
  // The answer is valid until the next call.
  const StreamAnswer& push(const video::Frame& frame);
  const StreamAnswer& last() const { return answer_; }
  void reset();                                    // as if nothing had been seen
  std::int64_t frames() const { return frames_; }  // since the last reset

 private:
  Preprocess preprocess_;
  StreamBatch batch_;
  std::int64_t slot_, frames_ = 0;
  StreamAnswer answer_;
};

struct Ranked {
  std::int64_t id;
  float p;
};
// The k most probable classes, most probable first, lower index first among equals.
std::vector<Ranked> top(std::span<const float> probabilities, std::int64_t k);

// The frames of a file that `pace` takes through `streamer`, which is reset before: the smoothed probabilities after
// the last one. Error: the file cannot be read or has no frame, or the answer is no number.
std::vector<float> predict_file(Streamer& streamer, const std::string& source, Pace pace, double deadline_s = 30);

}  // namespace trecvit
