#include "train/run_folder.h"

#include <nlohmann/json.hpp>
#include <sstream>

namespace fs = std::filesystem;

namespace trecvit {
namespace {

void drop_beyond(const fs::path& file, std::int64_t step) {
  if (!fs::exists(file)) return;
  std::istringstream lines(read_file(file));
  std::string kept, line;
  bool dropped = false;
  while (std::getline(lines, line)) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    // A line cut off by a kill does not parse.
    if (json.is_object() && json.value("step", std::int64_t{0}) <= step) {
      kept += line + "\n";
    } else {
      dropped = true;
    }
  }
  if (dropped) write_file(file, kept);
}

}  // namespace

RunFolder::RunFolder(fs::path path, std::int64_t step) : path_(std::move(path)) {
  make_folders(path_);
  for (const char* name : {"train.jsonl", "metrics.jsonl", "bad_videos.jsonl"}) drop_beyond(path_ / name, step);
  train_ = std::make_unique<LineLog>(path_ / "train.jsonl");
  metrics_ = std::make_unique<LineLog>(path_ / "metrics.jsonl");
  bad_ = std::make_unique<LineLog>(path_ / "bad_videos.jsonl");
}

void RunFolder::write_once(const std::string& config_yaml, const std::string& env_json,
                           const std::vector<std::string>& labels) const {
  write_file(path_ / "config.resolved.yaml", config_yaml);
  write_file(path_ / "env.json", env_json);
  write_file(path_ / "labels.json", nlohmann::json(labels).dump(1) + "\n");
}

void RunFolder::bad_videos(const std::vector<BadVideo>& bad, const Dataset& dataset, const std::string& split,
                           std::int64_t step) {
  for (const auto& video : bad)
    bad_->line(nlohmann::ordered_json{{"step", step},
                                      {"epoch", video.epoch},
                                      {"split", split},
                                      {"id", dataset.samples[static_cast<std::size_t>(video.sample)].id},
                                      {"path", video.path.string()},
                                      {"error", video.message}}
                   .dump());
}

}  // namespace trecvit
