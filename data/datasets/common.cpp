#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/folder.h"
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

std::vector<std::string> read_lines(const fs::path& path) {
  const std::string content = read_file(path);
  // Paths end at a zero byte: such a line would name another file than it seems to.
  if (const std::size_t zero = content.find('\0'); zero != std::string::npos) {
    const auto end = content.begin() + static_cast<std::ptrdiff_t>(zero);
    throw Error(path.string(), " line ", 1 + std::count(content.begin(), end, '\n'),
                " has a zero byte; the file must be text in UTF-8");
  }
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

fs::path first_existing(const std::vector<fs::path>& candidates) {
  const auto found = std::find_if(candidates.begin(), candidates.end(), path_exists);
  return found == candidates.end() ? fs::path() : *found;
}

std::optional<fs::path> find_base(const std::vector<fs::path>& bases, const std::vector<fs::path>& paths) {
  constexpr std::size_t kTried = 200;
  for (const fs::path& base : bases) {
    for (std::size_t i = 0; i < std::min(paths.size(), kTried); ++i) {
      if (path_exists(base / paths[i])) return base;
    }
  }
  return std::nullopt;
}

std::vector<fs::path> annotation_files(const fs::path& folder, std::initializer_list<std::string_view> suffixes) {
  std::vector<fs::path> files;
  if (!is_folder(folder)) return files;
  for (const fs::path& path : folder_entries(folder)) {
    if (has_suffix(path, suffixes) && is_regular(path)) files.push_back(path);
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const fs::path& a, const fs::path& b) { return a.native().size() < b.native().size(); });
  return files;
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
