// Accuracy over a split: mean of softmax over the views of a video, one vote per video; bad videos count as missing.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/loader/loader.h"
#include "model/trecvit.h"

namespace trecvit {

struct EvalOptions {
  std::int64_t clips = 1, crops = 1;
  std::int64_t batch = 32;      // views per forward pass
  bool shuffle_frames = false;  // a fixed random order of each clip's frames: what is left is what stills give away
  std::string mode = "clip";    // clip | stream (frame by frame through the state)
  std::uint64_t seed = 0;
  std::vector<std::int64_t> labels;  // data set's class -> model's class; empty: the same
};

struct Prediction {
  std::int64_t sample = 0;  // index in Dataset::samples
  std::string id;           // of the video
  std::int64_t label = -1;  // model's class, -1: not known
  std::vector<float> p;     // [classes]
};

struct EvalReport {
  std::int64_t n = 0, missing = 0;
  double top1 = 0, top5 = 0, mean_class = 0, loss = 0;
  std::vector<std::vector<std::int64_t>> confusion;  // [true][predicted]
  std::vector<Prediction> predictions;
  std::vector<BadVideo> bad;
};

// Error, naming `what` ("video 17"), when a probability is not a finite number: such a model answers nothing.
void check_probabilities(std::span<const float> p, const std::string& what);

// Error: a video's answer is not a finite number.
EvalReport evaluate(const TRecViT& net, at::Device device, const Dataset& dataset, const DataConfig& data,
                    const EvalOptions& options,
                    const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

// The figures of a report from its predictions; also what `eval score` does. Error: an answer is not a finite number.
void score(EvalReport& report, std::int64_t classes);

// Error when not one video of the data set was answered: figures of nothing are none.
void check_answered(const EvalReport& report, const Dataset& dataset);

// {summary.json, predictions.jsonl, per_class.csv, confusion.csv, missing.txt} in `folder`.
void write_report(const EvalReport& report, const Dataset& dataset, const std::vector<std::string>& labels,
                  const std::string& folder);
// {"top1", "top5", "mean_class", "n", "missing", "loss"}.
std::string summary_json(const EvalReport& report);

}  // namespace trecvit
