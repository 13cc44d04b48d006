#include "train/run_folder.h"

#include <sstream>

#include "core/json.h"

namespace fs = std::filesystem;

namespace trecvit {
namespace {

// AtomicFile writes NAME.part and the process's number; a kill leaves that.
void remove_pieces(const fs::path& folder) {
  std::vector<fs::path> pieces;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    const bool ours = name == "config.resolved.yaml" || name == "env.json" || name == "labels.json" ||
                      name == "train.jsonl" || name == "metrics.jsonl" || name == "bad_videos.jsonl";
    if (ours && entry.path().extension().string().starts_with(".part")) pieces.push_back(entry.path());
  }
  std::error_code ignored;
  for (const fs::path& piece : pieces) fs::remove(piece, ignored);
}

template <class Keep>
void keep_lines(const fs::path& file, const Keep& keep) {
  if (!fs::exists(file)) return;
  const std::string before = read_file(file);
  std::istringstream lines(before);
  std::string kept, line;
  while (std::getline(lines, line)) {
    // A line cut off by a kill does not parse.
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && keep(json)) kept += line + "\n";
  }
  if (kept != before) write_file(file, kept);
}

std::int64_t step_of(const nlohmann::json& line) {
  const auto step = line.find("step");
  return step != line.end() && step->is_number_integer() ? step->get<std::int64_t>() : 0;
}

bool of_evaluation(const nlohmann::json& line) {
  const auto during = line.find("during");
  return during != line.end() && *during == "evaluation";
}

}  // namespace

RunFolder::RunFolder(fs::path path, std::int64_t step, bool evaluated) : path_(std::move(path)) {
  make_folders(path_);
  check_output_folder(path_ / "checkpoints");  // the first save may be hours away
  remove_pieces(path_);
  const std::int64_t evaluated_before = evaluated ? step + 1 : step;
  keep_lines(path_ / "train.jsonl", [&](const auto& line) { return step_of(line) <= step; });
  keep_lines(path_ / "metrics.jsonl", [&](const auto& line) { return step_of(line) < evaluated_before; });
  keep_lines(path_ / "bad_videos.jsonl", [&](const auto& line) {
    return of_evaluation(line) ? step_of(line) < evaluated_before : step_of(line) <= step;
  });
  train_ = std::make_unique<LineLog>(path_ / "train.jsonl");
  metrics_ = std::make_unique<LineLog>(path_ / "metrics.jsonl");
  bad_ = std::make_unique<LineLog>(path_ / "bad_videos.jsonl");
}

void RunFolder::write_once(const std::string& config_yaml, const std::string& env_json,
                           const std::vector<std::string>& labels) const {
  write_file(path_ / "config.resolved.yaml", config_yaml);
  write_file(path_ / "env.json", env_json);
  write_file(path_ / "labels.json", json_text(nlohmann::json(labels), 1) + "\n");
}

void RunFolder::bad_videos(const std::vector<BadVideo>& bad, const Dataset& dataset, const std::string& during,
                           std::int64_t step) {
  for (const auto& video : bad)
    bad_->line(json_text(nlohmann::ordered_json{{"step", step},
                                                {"epoch", video.epoch},
                                                {"during", during},
                                                {"split", dataset.split},
                                                {"id", dataset.samples[static_cast<std::size_t>(video.sample)].id},
                                                {"path", video.path.string()},
                                                {"error", video.message}}));
}

}  // namespace trecvit
