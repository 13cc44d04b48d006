#include "data/datasets/entries.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/folder.h"
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

// A whole number, of any length: those too large for a class are not names.
bool is_number(const std::string& text) {
  const std::size_t digits = text.starts_with('-') ? 1 : 0;
  return text.size() > digits && text.find_first_not_of("0123456789", digits) == std::string::npos;
}

constexpr std::int64_t kMostClasses = 65536;  // without a file that names them

// A file beside the list with the name of each class, one per line; empty path without one.
fs::path names_file(const fs::path& folder) {
  return first_existing(
      {folder / "labels.txt", folder / "classes.txt", folder / "class_names.txt", folder / "categories.txt"});
}

std::vector<std::string> read_names(const fs::path& file) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> lines;  // from 1
  std::size_t number = 0, blank = 0;
  for (const std::string& line : read_lines(file)) {
    ++number;
    const std::string name(trimmed(line));
    if (name.empty()) {
      blank = blank == 0 ? number : blank;
      continue;
    }
    if (blank > 0) {
      throw Error(file.string(), " line ", blank, " is empty; each line names a class, the first one class 0");
    }
    const auto [same, first] = lines.emplace(name, number);
    if (!first) throw Error(file.string(), " names the class \"", name, "\" in lines ", same->second, " and ", number);
    names.push_back(name);
  }
  return names;
}

// A class number of an entry; -1: not known. Error: none, or a larger one than `most` - 1.
std::int64_t class_number(const Entry& entry, const fs::path& file, std::int64_t most, const std::string& why) {
  constexpr std::size_t kDigits = 9;
  const std::int64_t number = entry.label.size() > kDigits ? most : std::stoll(entry.label);
  if (number < -1 || (entry.label.size() > kDigits && entry.label.starts_with('-'))) {
    throw Error(file.string(), " line ", entry.line, ": the label ", entry.label, " is not a class number");
  }
  if (number >= most) {
    throw Error(file.string(), " line ", entry.line, ": the label ", entry.label, " is too large for a class number; ",
                why);
  }
  return number;
}

// The training split first: its spelling of a class counts.
std::vector<std::pair<std::string, const Entries*>> in_order(const std::map<std::string, Entries>& by_split) {
  std::vector<std::pair<std::string, const Entries*>> ordered;
  for (const auto& [name, entries] : by_split) ordered.emplace_back(name, &entries);
  std::stable_partition(ordered.begin(), ordered.end(), [](const auto& split) { return split.first == "train"; });
  return ordered;
}

}  // namespace

std::map<std::string, fs::path> split_files(const fs::path& root, std::initializer_list<std::string_view> suffixes) {
  std::map<std::string, fs::path> files;
  const bool single = is_regular(root);
  if (single && !has_suffix(root, suffixes)) return files;
  if (single) files.emplace(named_split(root), root);  // "": holds for every split
  std::vector<fs::path> folders = {single ? root.parent_path() : root};
  if (!single) folders.push_back(root / "annotations");
  if (single && files.begin()->first.empty()) return files;
  for (const fs::path& folder : folders) {
    for (const fs::path& file : annotation_files(folder, suffixes)) {
      if (named_split(file).empty() || (single && file.extension() != root.extension())) continue;
      files.emplace(named_split(file), file);
    }
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

Dataset from_entries(const std::map<std::string, Entries>& by_split, const std::string& split) {
  const auto& [file, entries] = by_split.at(split);
  if (entries.empty()) throw Error(file.string(), " lists no videos");
  std::vector<std::set<std::string>> names;
  std::string number, word;  // the first label of each kind, with its place
  for (const auto& [name, own] : in_order(by_split)) {
    names.emplace_back();
    for (const Entry& entry : own->entries) {
      if (entry.label.empty()) continue;
      std::string& first = is_number(entry.label) ? number : word;
      if (first.empty()) first = text("\"", entry.label, "\" (", own->file.string(), " line ", entry.line, ")");
      names.back().insert(entry.label);
    }
  }
  const bool numbers = word.empty();
  if (!number.empty() && !word.empty()) {
    throw Error("the label ", number, " is a number and ", word, " is not; labels must be all numbers or all names");
  }
  Dataset dataset;
  if (numbers) {
    const fs::path named = names_file(file.parent_path());
    if (!named.empty()) dataset.labels = read_names(named);
    const std::int64_t most = named.empty() ? kMostClasses : std::ssize(dataset.labels);
    const std::string why =
        named.empty() ? text("classes count from 0 to at most ", kMostClasses - 1, ", so number them anew from 0")
                      : text(named.string(), " names ", most, " classes, the first of which is 0");
    std::int64_t largest = -1;
    for (const auto& [name, own] : by_split) {
      for (const Entry& entry : own.entries) {
        if (!entry.label.empty()) largest = std::max(largest, class_number(entry, own.file, most, why));
      }
    }
    for (std::int64_t i = 0; named.empty() && i <= largest; ++i) dataset.labels.push_back(text(i));
  } else {
    dataset.labels = merged_labels(names);
  }
  const LabelIndex index(dataset.labels);
  std::vector<fs::path> paths;
  for (const Entry& entry : entries) paths.emplace_back(entry.path);
  const fs::path folder = file.parent_path();
  const auto base =
      find_base({folder, folder / "videos", folder.parent_path(), folder.parent_path() / "videos", fs::path()}, paths);
  if (!base) {
    throw Error("none of the videos of ", file.string(), " was found; ", entries.front().path,
                " and the others must be relative to ", folder.string(), " or whole paths");
  }
  dataset.samples.reserve(entries.size());
  for (const Entry& entry : entries) {
    Sample sample{.id = entry.path,
                  .path = *base / entry.path,
                  .start_s = entry.start_s,
                  .end_s = entry.end_s,
                  .frames = entry.frames};
    if (!entry.label.empty()) sample.label = numbers ? std::stoll(entry.label) : index.index(entry.label).value();
    dataset.samples.push_back(std::move(sample));
  }
  return dataset;
}

}  // namespace trecvit::datasets
