// The folder of one run: config.resolved.yaml env.json labels.json train.jsonl metrics.jsonl bad_videos.jsonl
// reconstructions/ checkpoints/ eval/.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "data/datasets/dataset.h"
#include "data/loader/loader.h"

namespace trecvit {

class RunFolder {
 public:
  // Starts or continues the folder: lines of train.jsonl, metrics.jsonl and bad_videos.jsonl beyond `step` (from a run
  // that was killed after its last checkpoint) are dropped, for they will be written again; so are those of the
  // evaluation at `step` unless that has been `evaluated`.
  RunFolder(std::filesystem::path path, std::int64_t step, bool evaluated);

  void write_once(const std::string& config_yaml, const std::string& env_json,
                  const std::vector<std::string>& labels) const;
  void train_line(const std::string& json) { train_->line(json); }
  void metrics_line(const std::string& json) { metrics_->line(json); }
  // `during`: training or evaluation.
  void bad_videos(const std::vector<BadVideo>& bad, const Dataset& dataset, const std::string& during,
                  std::int64_t step);

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<LineLog> train_, metrics_, bad_;
};

}  // namespace trecvit
