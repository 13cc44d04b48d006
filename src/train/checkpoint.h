// A moment of a run on disk: everything needed to go on as if nothing had happened.
//
// checkpoints/step_00000123/{model.safetensors, optimizer.safetensors, state.json}; `last` and `best` are links to such
// folders. A folder is written aside, flushed and put in place whole (train/whole_folder.h), so that a kill at any
// moment leaves the one before. Nothing random has a state: every draw is keyed by (seed, name, step or epoch and
// index).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/model_file.h"
#include "train/adamw.h"

namespace trecvit {

struct TrainProgress {
  std::int64_t step = 0;   // optimizer steps done
  std::int64_t batch = 0;  // position of the loader; beyond `step` where batches held no readable video
  double seconds = 0;      // of training so far
  double best_top1 = -1;
  std::int64_t best_step = -1;
  std::int64_t evaluated_step = -1;  // of the last evaluation
  std::int64_t bad_videos = 0;
  std::vector<std::int64_t> recent_bad;  // Loader::recent_bad()
};

class Checkpoints {
 public:
  // `keep`: how many of the newest step folders stay; those that `last` and `best` point at do so anyway.
  Checkpoints(std::filesystem::path folder, std::int64_t keep) : folder_(std::move(folder)), keep_(keep) {}

  // Clears away what a kill left. To be called before newest() by whoever goes on with the run.
  void mend() const;

  // The folder to resume from: `last`, or the newest complete step when the link is broken; empty when there is none.
  std::filesystem::path newest() const;

  // Error: another model, a damaged file.
  static TrainProgress load(const std::filesystem::path& checkpoint, nn::ParameterStore& store, AdamW& optimizer);

  // After load() of `from`: finishes what a kill kept save() or record() from doing. A best step that is not among
  // these folders is forgotten.
  void go_on(const std::filesystem::path& from, TrainProgress& progress) const;

  // Writes step_… and points `last` at it; older ones go.
  void save(const nn::ParameterStore& store, const AdamW& optimizer, const TrainProgress& progress,
            const ModelConfig& config, const std::vector<std::string>& labels,
            const Preprocessing& preprocessing) const;

  // Adds to the saved step what its evaluation gave, and points `best` at it when it is the best.
  void record(const TrainProgress& progress) const;

 private:
  void prune(std::int64_t step) const;

  std::filesystem::path folder_;
  std::int64_t keep_;
};

}  // namespace trecvit
