// A moment of a run on disk: everything needed to go on as if nothing had happened.
//
// checkpoints/step_00000123/{model.safetensors, optimizer.safetensors, state.json}; `last` and `best` are links to such
// folders. A folder is written aside, flushed and renamed, so that a kill at any moment leaves the one before.
// Nothing random has a state: every draw is keyed by (seed, name, step or epoch and index).
#pragma once

#include <filesystem>
#include <string>

#include "io/model_file.h"
#include "train/adamw.h"

namespace trecvit {

struct Progressed {
  std::int64_t step = 0;         // optimizer steps done; also the position of the loader
  double seconds = 0;            // of training so far
  double best_top1 = -1;
  std::int64_t best_step = -1;
  std::int64_t bad_videos = 0;
};

class Checkpoints {
 public:
  explicit Checkpoints(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Writes step_… and points `last` (and `best` when this is the best) at it; older ones beyond `keep` go.
  void save(const nn::ParameterStore& store, const AdamW& optimizer, const Progressed& progress, const ModelConfig& config,
            const std::vector<std::string>& labels, const Preprocessing& preprocessing, std::int64_t keep) const;

  // The folder to resume from: `last`, or the newest complete step when the link is broken; empty when there is none.
  std::filesystem::path newest() const;

  // Error: another model, a damaged file.
  static Progressed load(const std::filesystem::path& checkpoint, nn::ParameterStore& store, AdamW& optimizer);

 private:
  std::filesystem::path folder_;
};

}  // namespace trecvit
