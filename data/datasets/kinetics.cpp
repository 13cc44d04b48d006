// Kinetics-400, -600 and -700: CSV files read by their header, videos named ID_START_END in whatever folders.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/folder.h"
#include "core/log.h"
#include "data/datasets/csv.h"
#include "data/datasets/readers.h"

namespace trecvit::datasets {
namespace {

constexpr std::size_t kIdLength = 11;  // a YouTube id; it may contain '_' and begin with '-'

// Split of a CSV by its name: "kinetics700_2020_train" -> "train"; empty when it names none.
std::string split_of(const fs::path& csv) {
  const std::string stem = csv.stem().string();
  const std::size_t cut = stem.find_last_of("_- ");
  const std::string last = canonical_split(cut == std::string::npos ? stem : stem.substr(cut + 1));
  return last == "train" || last == "validation" || last == "test" ? last : "";
}

struct Columns {
  int label = -1, id = -1, start = -1, end = -1;
  std::ptrdiff_t count = 0;
};

// From a header line; id < 0: not Kinetics.
Columns parse_header(const std::string& line) {
  Columns columns;
  std::vector<std::string> names;
  try {
    names = split_fields(line, ',');
  } catch (const Error&) {  // a list of another kind
    return columns;
  }
  columns.count = std::ssize(names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const int at = static_cast<int>(i);
    const std::string name = normalised(names[i]);
    if (name == "label") columns.label = at;
    if (name == "youtubeid") columns.id = at;
    if (name == "timestart") columns.start = at;
    if (name == "timeend") columns.end = at;
  }
  return columns;
}

// The annotation files, by split.
std::map<std::string, fs::path> find_annotations(const fs::path& root) {
  std::map<std::string, fs::path> found;
  for (const fs::path& folder : {root / "annotations", root / "labels", root}) {
    for (const fs::path& file : annotation_files(folder, {".csv"})) {
      const std::string split = split_of(file);
      if (split.empty() || found.contains(split)) continue;
      const std::vector<std::string> lines = read_lines(file);
      if (!lines.empty() && parse_header(lines[0]).id >= 0) found.emplace(split, file);
    }
    if (!found.empty()) return found;
  }
  return found;
}

struct Row {
  std::string label, id;
  long long start = -1, end = -1;  // seconds of the film it was cut from; -1: not told
  std::size_t line = 0;            // from 1
};

std::vector<Row> read_rows(const fs::path& file) {
  const std::vector<std::string> lines = read_lines(file);
  const Columns columns = lines.empty() ? Columns{} : parse_header(lines[0]);
  std::vector<Row> rows;
  rows.reserve(lines.size());
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (trimmed(lines[i]).empty()) continue;
    const std::vector<std::string> fields = fields_of_line(lines[i], ',', file, i + 1);
    if (std::ssize(fields) < columns.count) {
      throw Error(file.string(), " line ", i + 1, ": it has ", fields.size(), " fields, but the first line names ",
                  columns.count, "; the file may be cut off");
    }
    const auto field = [&](int column) {
      return column >= 0 && column < std::ssize(fields) ? fields[static_cast<std::size_t>(column)] : std::string();
    };
    const auto seconds = [&](int column) {
      const std::string value = field(column);
      char* end = nullptr;
      const double number = std::strtod(value.c_str(), &end);
      if (value.empty()) return -1LL;
      if (*end != '\0' || !(number >= 0 && number < 1e6)) {
        throw Error(file.string(), " line ", i + 1, ": the time \"", value, "\" is not a number of seconds");
      }
      return static_cast<long long>(number);
    };
    Row row{.label = field(columns.label),
            .id = field(columns.id),
            .start = seconds(columns.start),
            .end = seconds(columns.end),
            .line = i + 1};
    if (row.id.size() != kIdLength) {
      throw Error(file.string(), " line ", i + 1, ": \"", row.id, "\" is not a YouTube id of ", kIdLength,
                  " characters");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// Video files by name without suffix, and by id alone where that is unique (empty path where it is not).
struct Files {
  std::unordered_map<std::string, fs::path> by_name, by_id;
};

void collect(const fs::path& folder, bool replace, Files& files) {
  const auto add = [&](const fs::path& path) {
    const std::string name = path.stem().string();
    if (name.size() < kIdLength || !is_video(path)) return;
    if (replace) {
      files.by_name[name] = path;
    } else {
      files.by_name.emplace(name, path);
    }
    const auto [known, first] = files.by_id.emplace(name.substr(0, kIdLength), path);
    if (!first && known->second.stem() != path.stem()) known->second.clear();
  };
  walk_files(folder, add, log_warning);
}

Files find_files(const fs::path& root, const std::string& split, fs::path& expected) {
  Files files;
  std::vector<fs::path> folders;
  for (const std::string& name : split_names(split)) {
    for (const fs::path& base : {root, root / "videos", root / "compress"}) {
      for (const char* before : {"", "kinetics_"}) {
        for (const char* after : {"", "_256"}) folders.push_back(base / (before + name + after));
      }
    }
  }
  for (const fs::path& folder : folders) {
    if (!is_folder(folder)) continue;
    if (expected.empty()) expected = folder;
    collect(folder, false, files);
  }
  if (expected.empty()) {
    expected = is_folder(root / "videos") ? root / "videos" : root;
    collect(expected, false, files);
  }
  // CVDF ships good copies of files that are corrupted in the main folders, under the same names.
  if (is_folder(root / "replacement")) collect(root / "replacement", true, files);
  return files;
}

fs::path find_video(const Files& files, const Row& row, const fs::path& expected, bool& exists) {
  char padded[64];
  std::snprintf(padded, sizeof padded, "%s_%06lld_%06lld", row.id.c_str(), row.start, row.end);
  exists = true;
  for (const std::string& name : {std::string(padded), text(row.id, "_", row.start, "_", row.end)}) {
    if (const auto found = files.by_name.find(name); found != files.by_name.end()) return found->second;
  }
  if (const auto found = files.by_id.find(row.id); found != files.by_id.end() && !found->second.empty()) {
    // One film may have given several clips: a name with other times is another clip.
    if (found->second.stem() == row.id || row.start < 0) return found->second;
  }
  exists = false;
  return expected / (std::string(row.start < 0 ? row.id : padded) + ".mp4");
}

}  // namespace

bool can_read_kinetics(const fs::path& root) { return !find_annotations(root).empty(); }

Dataset read_kinetics(const fs::path& root, const std::string& split) {
  const std::map<std::string, fs::path> annotations = find_annotations(root);
  if (annotations.empty()) {
    throw Error("no Kinetics annotation (a CSV file with a column youtube_id, such as annotations/train.csv) is in ",
                root.string());
  }
  const auto own = annotations.find(split);
  if (own == annotations.end()) {
    throw Error("no annotation of the split \"", split, "\" lies beside ", annotations.begin()->second.string());
  }
  const std::vector<Row> rows = read_rows(own->second);
  // The class number is the rank in alphabetical order; a small validation file need not have every class.
  std::vector<std::set<std::string>> names;
  for (const char* other : {"train", "validation", "test"}) {
    const auto file = annotations.find(other);
    if (file == annotations.end()) continue;
    names.emplace_back();
    for (const Row& row : other == split ? rows : read_rows(file->second)) {
      if (!row.label.empty()) names.back().insert(row.label);
    }
  }
  Dataset dataset;
  dataset.labels = merged_labels(names);
  const LabelIndex index(dataset.labels);
  if (rows.empty()) throw Error(own->second.string(), " lists no videos");
  fs::path expected;
  const Files files = find_files(root, split, expected);
  bool any = false;
  dataset.samples.reserve(rows.size());
  for (const Row& row : rows) {
    Sample sample;
    sample.id = row.start < 0 ? row.id : text(row.id, "_", row.start);
    if (!row.label.empty()) sample.label = index.index(row.label).value();
    if (row.label.empty() && split != "test") {
      throw Error(own->second.string(), " line ", row.line, ": video ", row.id, " has no label");
    }
    bool exists = false;
    sample.path = find_video(files, row, expected, exists);
    any |= exists;
    dataset.samples.push_back(std::move(sample));
  }
  if (!any) {
    throw Error("none of the ", rows.size(), " videos of ", own->second.string(), " was found; ",
                dataset.samples.front().path.filename().string(), " and the others must be in or below ",
                expected.string());
  }
  return dataset;
}

}  // namespace trecvit::datasets
