// A folder per class: SPLIT/CLASS/video, or CLASS/video as the one split "all".
#include "core/folder.h"

#include <set>

#include "core/error.h"
#include "core/log.h"
#include "data/datasets/readers.h"

namespace trecvit::datasets {
namespace {

fs::path split_folder(const fs::path& root, const std::string& split) {
  if (split == "all") return root;
  for (const std::string& name : split_names(split)) {
    if (is_folder(root / name)) return root / name;
  }
  return {};
}

std::set<std::string> class_folders(const fs::path& folder) {
  std::set<std::string> names;
  for (const fs::path& path : folder_entries(folder)) {
    if (is_folder(path)) names.insert(path.filename().string());
  }
  return names;
}

}  // namespace

bool can_read_folder(const fs::path& root) { return is_folder(root) && !class_folders(root).empty(); }

Dataset read_folder(const fs::path& root, const std::string& split) {
  const fs::path folder = split_folder(root, split);
  if (folder.empty()) {
    throw Error("folder ", root.string(), " has no folder ", split_names(split).front(),
                "; a set of one folder per class must lie as SPLIT/CLASS/video, or be used whole as the split \"all\"");
  }
  std::vector<std::set<std::string>> by_split;
  for (const char* other : {"train", "validation", "test"}) {
    const fs::path sibling = split == "all" ? fs::path() : split_folder(root, other);
    if (!sibling.empty()) by_split.push_back(class_folders(sibling));
  }
  const std::set<std::string> own = class_folders(folder);
  by_split.push_back(own);
  Dataset dataset;
  dataset.labels = merged_labels(by_split);
  const LabelIndex index(dataset.labels);
  for (const std::string& name : own) {
    const std::int64_t label = index.index(name).value();
    walk_files(
        folder / name,
        [&](const fs::path& file) {
          if (!is_video(file)) return;
          dataset.samples.push_back({.id = file.lexically_relative(folder).string(), .path = file, .label = label});
        },
        log_warning);
  }
  if (dataset.samples.empty()) throw Error("no video files are in the class folders of ", folder.string());
  return dataset;
}

}  // namespace trecvit::datasets
