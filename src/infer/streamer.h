// A model on live video: one frame in, an answer out, at a constant cost. `predict` runs the same code on files.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/loader/preprocess.h"
#include "data/loader/sampling.h"
#include "data/video/decoder.h"
#include "infer/scheduler.h"

namespace trecvit {

struct StreamAnswer {
  std::span<const float> frame_probabilities;  // [classes] of this frame alone
  std::span<const float> mean_probabilities;   // [classes] of the mean over all frames since the last reset
  double preprocess_ms = 0, model_ms = 0;
};

// A session with preprocessing in front: frames of any size and format.
class Streamer {
 public:
  // A stream of its own over `model`; `graph` as in StreamOptions.
  explicit Streamer(const Model& model, bool graph = true);
  // A session of a scheduler that others share.
  Streamer(const Model& model, Scheduler& scheduler);
  // The answer is valid until the next call.
  const StreamAnswer& push(const video::Frame& frame);
  const StreamAnswer& last() const { return answer_; }
  void reset() { session_->reset(); }                          // as if there had been no frame
  std::int64_t frames() const { return session_->frames(); }  // since the last reset
  Session& session() { return *session_; }

 private:
  Preprocess preprocess_;
  std::unique_ptr<Scheduler> own_;  // null: shared with others
  std::unique_ptr<Session> session_;
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
