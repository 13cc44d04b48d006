// UCF101 (classInd, trainlist0K, testlist0K) and HMDB51 (<class>_test_split<K>.txt). Both have three ways to split:
// "train", "test" or "train1" mean the first, "train2", "test3" and so on the others. Their papers validate on the test
// split.
#include <algorithm>
#include <sstream>

#include "core/error.h"
#include "core/folder.h"
#include "data/datasets/csv.h"
#include "data/datasets/readers.h"

namespace trecvit::datasets {
namespace {

struct NumberedSplit {
  bool training = false;
  int number = 1;
};

NumberedSplit parse_split(const std::string& split) {
  NumberedSplit parsed;
  std::string word = split;
  if (!word.empty() && word.back() >= '1' && word.back() <= '3') {
    parsed.number = word.back() - '0';
    word.pop_back();
  }
  word = canonical_split(word);
  if (word != "train" && word != "validation" && word != "test") {
    throw Error("there is no split \"", split, "\"; the splits are train1..train3 and test1..test3");
  }
  parsed.training = word == "train";
  return parsed;
}

// The data set's folder, when `root` is it or the folder of its videos.
fs::path base_of(const fs::path& root, const char* video_folder) {
  return root.filename() == video_folder ? root.parent_path() : root;
}

fs::path ucf_lists(const fs::path& root) {
  const fs::path base = base_of(root, "UCF-101");
  for (const fs::path& folder : {base / "ucfTrainTestlist", base / "annotations", base}) {
    if (path_exists(folder / "classInd.txt")) return folder;
  }
  return {};
}

fs::path hmdb_lists(const fs::path& root) {
  const fs::path base = base_of(root, "hmdb51_org");
  for (const fs::path& folder : {base / "testTrainMulti_7030_splits", base / "splits", base / "annotations", base}) {
    for (const fs::path& file : annotation_files(folder, {".txt"})) {
      if (file.filename().string().ends_with("_test_split1.txt")) return folder;
    }
  }
  return {};
}

// The folder of `candidates` that holds the first samples; each sample's path becomes whole.
void place_videos(std::vector<Sample>& samples, const std::vector<fs::path>& candidates) {
  std::vector<fs::path> paths;
  for (const Sample& sample : samples) paths.push_back(sample.path);
  const auto base = find_base(candidates, paths);
  if (!base) {
    throw Error("none of the videos of the lists was found; ", samples.front().path.string(),
                " and the others must be in ", candidates.front().string());
  }
  for (Sample& sample : samples) sample.path = *base / sample.path;
}

}  // namespace

bool can_read_ucf101(const fs::path& root) { return !ucf_lists(root).empty(); }

Dataset read_ucf101(const fs::path& root, const std::string& split) {
  const NumberedSplit wanted = parse_split(split);
  const fs::path lists = ucf_lists(root);
  if (lists.empty()) throw Error("no ucfTrainTestlist/classInd.txt is in ", root.string());
  Dataset dataset;
  for (const std::string& line : read_lines(lists / "classInd.txt")) {
    std::istringstream fields(line);
    std::int64_t number = 0;
    std::string name;
    if (trimmed(line).empty()) continue;
    if (!(fields >> number >> name) || number != std::ssize(dataset.labels) + 1) {
      throw Error((lists / "classInd.txt").string(), " line ", dataset.labels.size() + 1, ": \"", line,
                  "\" is not a class number, counted from 1, and a name");
    }
    dataset.labels.push_back(name);
  }
  const LabelIndex index(dataset.labels);
  const fs::path list = lists / text(wanted.training ? "trainlist0" : "testlist0", wanted.number, ".txt");
  for (const std::string& line : read_lines(list)) {
    if (trimmed(line).empty()) continue;
    const std::string path = split_last_blank(line)[0];
    const std::string name = fs::path(path).parent_path().string();
    const auto label = index.index(name);
    if (!label) throw Error(list.string(), ": video ", path, " has the class \"", name, "\", which classInd.txt lacks");
    dataset.samples.push_back({.id = fs::path(path).stem().string(), .path = path, .label = *label});
  }
  if (dataset.samples.empty()) throw Error(list.string(), " lists no videos");
  place_videos(dataset.samples, {root / "UCF-101", root / "videos", root});
  return dataset;
}

bool can_read_hmdb51(const fs::path& root) { return !hmdb_lists(root).empty(); }

Dataset read_hmdb51(const fs::path& root, const std::string& split) {
  const NumberedSplit wanted = parse_split(split);
  const fs::path lists = hmdb_lists(root);
  if (lists.empty()) {
    throw Error("no file like brush_hair_test_split1.txt is in ", (root / "testTrainMulti_7030_splits").string());
  }
  const std::string suffix = text("_test_split", wanted.number, ".txt");
  Dataset dataset;
  for (const fs::path& file : annotation_files(lists, {".txt"})) {
    const std::string name = file.filename().string();
    if (name.ends_with(suffix)) dataset.labels.push_back(name.substr(0, name.size() - suffix.size()));
  }
  std::sort(dataset.labels.begin(), dataset.labels.end());
  for (std::size_t label = 0; label < dataset.labels.size(); ++label) {
    const fs::path list = lists / (dataset.labels[label] + suffix);
    for (const std::string& line : read_lines(list)) {
      if (trimmed(line).empty()) continue;
      const std::vector<std::string> fields = split_last_blank(line);
      if (fields.size() != 2 || (fields[1] != "0" && fields[1] != "1" && fields[1] != "2")) {
        throw Error(list.string(), ": \"", line, "\" is not a file name and 0 (unused), 1 (train) or 2 (test)");
      }
      if (fields[1] != (wanted.training ? "1" : "2")) continue;
      dataset.samples.push_back({.id = fs::path(fields[0]).stem().string(),
                                 .path = fs::path(dataset.labels[label]) / fields[0],
                                 .label = static_cast<std::int64_t>(label)});
    }
  }
  if (dataset.samples.empty()) throw Error("the lists in ", lists.string(), " have no video of the split ", split);
  place_videos(dataset.samples, {root / "hmdb51_org", root / "videos", root});
  return dataset;
}

}  // namespace trecvit::datasets
