#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/file.h"
#include "data/datasets/readers.h"

namespace trecvit::datasets {

std::string canonical_split(const std::string& split) {
  const std::string word = normalised(split);
  for (const char* name : {"val", "valid", "validate", "validation", "dev"}) {
    if (word == name) return "validation";
  }
  if (word == "train" || word == "training") return "train";
  if (word == "test" || word == "testing") return "test";
  return split;
}

std::vector<std::string> split_names(const std::string& split) {
  if (split == "validation") return {"validation", "val", "validate", "valid"};
  if (split == "train") return {"train", "training"};
  if (split == "test") return {"test", "testing"};
  return {split};
}

std::string normalised(const std::string& name) {
  std::string plain;
  for (const unsigned char c : name) {
    if (std::isalnum(c)) plain += static_cast<char>(std::tolower(c));
  }
  return plain;
}

std::vector<std::string> read_lines(const fs::path& path) {
  const std::string content = read_file(path);
  std::vector<std::string> lines;
  std::size_t at = content.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (at < content.size()) {
    std::size_t end = content.find('\n', at);
    if (end == std::string::npos) end = content.size();
    std::size_t length = end - at;
    if (length > 0 && content[at + length - 1] == '\r') --length;
    lines.push_back(content.substr(at, length));
    at = end + 1;
  }
  return lines;
}

LabelIndex::LabelIndex(const std::vector<std::string>& labels) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    exact_.emplace(labels[i], static_cast<std::int64_t>(i));
    loose_.emplace(normalised(labels[i]), static_cast<std::int64_t>(i));
  }
}

std::optional<std::int64_t> LabelIndex::index(const std::string& name) const {
  if (const auto found = exact_.find(name); found != exact_.end()) return found->second;
  if (const auto found = loose_.find(normalised(name)); found != loose_.end()) return found->second;
  return std::nullopt;
}

fs::path first_existing(const std::vector<fs::path>& candidates) {
  for (const fs::path& path : candidates) {
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path;
  }
  return {};
}

}  // namespace trecvit::datasets

namespace trecvit {

bool is_video(const std::filesystem::path& path) {
  return has_suffix(path, {".mp4", ".webm", ".avi", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".ogv",
                           ".3gp", ".ts", ".gif"});
}

ClassCounts count_classes(const Dataset& dataset) {
  ClassCounts counts{.videos = std::vector<std::int64_t>(dataset.labels.size(), 0)};
  for (const Sample& sample : dataset.samples) {
    const bool known = sample.label >= 0 && sample.label < std::ssize(dataset.labels);
    (known ? counts.videos[static_cast<std::size_t>(sample.label)] : counts.unlabelled) += 1;
  }
  if (!counts.videos.empty()) {
    const auto [least, most] = std::minmax_element(counts.videos.begin(), counts.videos.end());
    counts.smallest = *least, counts.largest = *most;
  }
  return counts;
}

}  // namespace trecvit
