#include "data/datasets/entries.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "data/datasets/csv.h"

namespace trecvit::datasets {
namespace {

// The split that a file's name tells, empty for none: "ucf_val_split1" has "val" among its words.
std::string named_split(const fs::path& file) {
  const std::string stem = file.stem().string();
  std::string word;
  for (const char c : stem + "_") {
    if (std::isalpha(static_cast<unsigned char>(c))) {
      word += c;
      continue;
    }
    const std::string split = canonical_split(word);
    if (split == "train" || split == "validation" || split == "test") return split;
    word.clear();
  }
  return "";
}

bool is_number(const std::string& text) {
  const std::size_t digits = text.starts_with('-') ? 1 : 0;
  return text.size() > digits && text.size() < 10 && text.find_first_not_of("0123456789", digits) == std::string::npos;
}

// Names of `classes` numbered classes: one per line of a file beside the list, else the numbers.
std::vector<std::string> numbered_labels(std::int64_t classes, const fs::path& folder) {
  const fs::path file = first_existing(
      {folder / "labels.txt", folder / "classes.txt", folder / "class_names.txt", folder / "categories.txt"});
  std::vector<std::string> names;
  if (file.empty()) {
    for (std::int64_t i = 0; i < classes; ++i) names.push_back(text(i));
    return names;
  }
  for (const std::string& line : read_lines(file)) {
    if (!trimmed(line).empty()) names.emplace_back(trimmed(line));
  }
  if (std::ssize(names) < classes) {
    throw Error(file.string(), " names ", names.size(), " classes, but the lists have the class number ", classes - 1);
  }
  return names;
}

// Where relative paths begin: the first folder below which one of the first videos exists.
fs::path find_base(const std::vector<Entry>& entries, const fs::path& file) {
  constexpr std::size_t kTried = 200;
  const fs::path folder = file.parent_path();
  const std::vector<fs::path> bases = {folder, folder / "videos", folder.parent_path(), folder.parent_path() / "videos",
                                       fs::path()};
  for (const fs::path& base : bases) {
    for (std::size_t i = 0; i < std::min(entries.size(), kTried); ++i) {
      if (fs::exists(base / entries[i].path)) return base;
    }
  }
  throw Error("none of the videos of ", file.string(), " was found; ", entries.front().path,
              " and the others must be relative to ", folder.string(), " or whole paths");
}

}  // namespace

std::map<std::string, fs::path> split_files(const fs::path& root, std::initializer_list<const char*> suffixes) {
  std::map<std::string, fs::path> files;
  const auto fits = [&](const fs::path& path) {
    const std::string suffix = path.extension().string();
    return std::any_of(suffixes.begin(), suffixes.end(), [&](const char* known) { return suffix == known; });
  };
  const bool single = fs::is_regular_file(root);
  if (single && !fits(root)) return files;
  if (single) files.emplace(named_split(root), root);  // "": holds for every split
  std::vector<fs::path> folders = {single ? root.parent_path() : root};
  if (!single) folders.push_back(root / "annotations");
  if (single && files.begin()->first.empty()) return files;
  for (const fs::path& folder : folders) {
    if (!fs::is_directory(folder)) continue;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_regular_file() || !fits(entry.path()) || named_split(entry.path()).empty()) continue;
      if (!single || entry.path().extension() == root.extension()) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
      const std::string left = a.string(), right = b.string();
      return left.size() != right.size() ? left.size() < right.size() : left < right;
    });
    for (const fs::path& file : found) files.emplace(named_split(file), file);
  }
  return files;
}

fs::path file_of_split(const std::map<std::string, fs::path>& files, const fs::path& root, const std::string& split) {
  if (const auto found = files.find(split); found != files.end()) return found->second;
  if (const auto found = files.find(""); found != files.end()) return found->second;
  std::string known;
  for (const auto& [name, file] : files) known += (known.empty() ? "" : ", ") + name;
  throw Error("no list of the split \"", split, "\" is in ", root.string(), "; there is ",
              known.empty() ? "none" : known);
}

Dataset from_entries(const std::map<std::string, std::vector<Entry>>& by_split, const std::string& split,
                     const fs::path& file) {
  const std::vector<Entry>& entries = by_split.at(split);
  if (entries.empty()) throw Error(file.string(), " lists no videos");
  bool numbers = true;
  std::int64_t most = -1;
  std::set<std::string> names;
  for (const auto& [name, list] : by_split) {
    for (const Entry& entry : list) {
      if (entry.label.empty()) continue;
      numbers &= is_number(entry.label);
      if (numbers) most = std::max<std::int64_t>(most, std::stol(entry.label));
      names.insert(entry.label);
    }
  }
  Dataset dataset;
  if (numbers) {
    dataset.labels = numbered_labels(most + 1, file.parent_path());
  } else {
    dataset.labels.assign(names.begin(), names.end());
  }
  const fs::path base = find_base(entries, file);
  dataset.samples.reserve(entries.size());
  for (const Entry& entry : entries) {
    Sample sample{.id = entry.path,
                  .path = base / entry.path,
                  .start_s = entry.start_s,
                  .end_s = entry.end_s,
                  .frames = entry.frames};
    if (numbers && !entry.label.empty()) {
      sample.label = std::stol(entry.label);
      if (sample.label < -1) {
        throw Error(file.string(), " line ", entry.line, ": the label ", entry.label, " is not a class number");
      }
    } else if (!entry.label.empty()) {
      sample.label = std::distance(names.begin(), names.find(entry.label));
    }
    dataset.samples.push_back(std::move(sample));
  }
  return dataset;
}

}  // namespace trecvit::datasets
