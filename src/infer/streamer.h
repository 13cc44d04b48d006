// A model on live video: one frame in, an answer out, at the same cost for ever. `predict` runs the same code on files.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/loader/preprocess.h"
#include "data/video/decoder.h"
#include "io/model_file.h"

namespace trecvit {

struct StreamAnswer {
  std::span<const float> now;       // [classes] probabilities from this frame's own pre-logits
  std::span<const float> smoothed;  // [classes] probabilities from the mean over all frames since the last reset
  double preprocess_ms = 0, model_ms = 0;
};

// One stream. Buffers are made once; push() allocates nothing of ours.
class Streamer {
 public:
  explicit Streamer(const Model& model);
  // The answer is valid until the next call.
  const StreamAnswer& push(const video::Frame& frame);
  const StreamAnswer& last() const { return answer_; }
  void reset();  // as if nothing had been seen
  std::int64_t frames() const { return state_.frames.front(); }
  const ModelState& state() const { return state_; }

 private:
  const Model& model_;
  Preprocess preprocess_;
  ModelState state_;
  at::Tensor pixels_;   // [1, 1, S, S, 3] uint8, host
  at::Tensor device_pixels_;
  at::Tensor now_, smoothed_;  // [classes] fp32, host
  StreamAnswer answer_;
};

struct Ranked {
  std::int64_t id;
  float p;
};
// The k most probable classes, most probable first, lower index first among equals.
std::vector<Ranked> top(std::span<const float> probabilities, std::int64_t k);

// Every `stride`-th frame of a file through a Streamer: the smoothed probabilities after the last one.
// Error: the file cannot be read or has no frame.
std::vector<float> predict_file(const Model& model, const std::string& source, std::int64_t stride, double deadline_s = 30);

}  // namespace trecvit
