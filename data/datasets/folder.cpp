// A folder per class: SPLIT/CLASS/video, or CLASS/video as the one split "all".
#include <algorithm>
#include <set>

#include "core/error.h"
#include "data/datasets/readers.h"

namespace trecvit::datasets {
namespace {

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with('.')) entries.push_back(entry.path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

void collect_videos(const fs::path& folder, std::vector<fs::path>& videos) {
  for (const fs::path& path : sorted_entries(folder)) {
    if (fs::is_directory(path)) {
      collect_videos(path, videos);
    } else if (is_video(path)) {
      videos.push_back(path);
    }
  }
}

fs::path split_folder(const fs::path& root, const std::string& split) {
  if (split == "all") return root;
  for (const std::string& name : split_names(split)) {
    if (fs::is_directory(root / name)) return root / name;
  }
  return {};
}

std::vector<std::string> class_folders(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& path : sorted_entries(folder)) {
    if (fs::is_directory(path)) names.push_back(path.filename().string());
  }
  return names;
}

}  // namespace

bool can_read_folder(const fs::path& root) { return fs::is_directory(root) && !class_folders(root).empty(); }

Dataset read_folder(const fs::path& root, const std::string& split) {
  const fs::path folder = split_folder(root, split);
  if (folder.empty()) {
    throw Error("folder ", root.string(), " has no folder ", split_names(split).front(),
                "; a set of one folder per class must lie as SPLIT/CLASS/video, or be used whole as the split \"all\"");
  }
  std::set<std::string> names;
  for (const char* other : {"train", "validation", "test"}) {
    const fs::path sibling = split == "all" ? fs::path() : split_folder(root, other);
    if (sibling.empty()) continue;
    for (const std::string& name : class_folders(sibling)) names.insert(name);
  }
  const std::vector<std::string> own = class_folders(folder);
  names.insert(own.begin(), own.end());
  Dataset dataset;
  dataset.labels.assign(names.begin(), names.end());
  for (const std::string& name : own) {
    std::vector<fs::path> videos;
    collect_videos(folder / name, videos);
    for (const fs::path& video : videos) {
      dataset.samples.push_back({.id = video.lexically_relative(folder).string(),
                                 .path = video,
                                 .label = std::distance(names.begin(), names.find(name))});
    }
  }
  if (dataset.samples.empty()) throw Error("no video files are in the class folders of ", folder.string());
  return dataset;
}

}  // namespace trecvit::datasets
