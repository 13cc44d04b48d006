// Something-Something V2. Two generations of annotations: something-something-v2-{labels,train,validation,test}.json
// and labels/{labels,train,validation,test}.json; videos in 20bn-something-something-v2/ID.webm.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/folder.h"
#include "data/datasets/json_file.h"
#include "data/datasets/readers.h"

namespace trecvit::datasets {
namespace {

constexpr const char* kVideoFolder = "20bn-something-something-v2";

std::vector<fs::path> annotation_folders(const fs::path& root) {
  const fs::path base = root.filename() == kVideoFolder ? root.parent_path() : root;
  return {base / "labels", base / "annotations", base, root};
}

fs::path find_annotation(const fs::path& root, const std::string& name) {
  std::vector<fs::path> candidates;
  for (const fs::path& folder : annotation_folders(root)) {
    candidates.push_back(folder / (name + ".json"));
    candidates.push_back(folder / ("something-something-v2-" + name + ".json"));
  }
  return first_existing(candidates);
}

fs::path split_file(const fs::path& root, const std::string& split) {
  for (const std::string& name : split_names(split)) {
    if (const fs::path file = find_annotation(root, name); !file.empty()) return file;
  }
  return {};
}

std::string without_brackets(const std::string& pattern) {
  std::string plain;
  std::copy_if(pattern.begin(), pattern.end(), std::back_inserter(plain), [](char c) { return c != '[' && c != ']'; });
  return plain;
}

// {"Approaching something with your camera": "0", ...}
std::vector<std::string> read_labels(const fs::path& path) {
  const Json content = parse_json_file(path);
  if (!content.is_object() || content.empty()) {
    throw Error(path.string(), " must be an object that maps class names to numbers");
  }
  std::vector<std::string> labels(content.size());
  for (const auto& [name, value] : content.items()) {
    std::size_t index = labels.size();
    if (value.is_number_unsigned()) index = value.get<std::size_t>();
    if (value.is_string()) {
      const auto& digits = value.get_ref<const std::string&>();
      if (!digits.empty() && digits.size() < 8 && digits.find_first_not_of("0123456789") == std::string::npos) {
        index = std::stoul(digits);
      }
    }
    if (index >= labels.size() || !labels[index].empty()) {
      throw Error(path.string(), " gives the class \"", name, "\" the number ", value.dump(),
                  "; the numbers must be 0 to ", labels.size() - 1, ", each once");
    }
    labels[index] = name;
  }
  return labels;
}

std::string read_id(const Json& entry, const fs::path& path, std::size_t position) {
  if (entry.is_object()) {
    const auto id = entry.find("id");
    if (id != entry.end() && id->is_string() && !id->get_ref<const std::string&>().empty()) return *id;
    if (id != entry.end() && id->is_number_integer()) return id->dump();
  }
  throw Error(path.string(), ": entry ", position, " has no \"id\"; each entry must be like {\"id\": \"78687\", ...}");
}

// The published answers of the test split: "ID;class name" per line.
void add_answers(const fs::path& root, const LabelIndex& index, std::vector<Sample>& samples) {
  std::vector<fs::path> candidates;
  for (const fs::path& folder : annotation_folders(root)) {
    candidates.push_back(folder / "test-answers.csv");
    candidates.push_back(folder / "something-something-v2-test-answers.csv");
  }
  const fs::path file = first_existing(candidates);
  if (file.empty()) return;
  std::map<std::string, std::int64_t> answers;
  for (const std::string& line : read_lines(file)) {
    const std::size_t cut = line.find_first_of(";,");
    if (cut == std::string::npos) continue;
    const auto label = index.index(without_brackets(line.substr(cut + 1)));
    if (!label)
      throw Error(file.string(), ": video ", line.substr(0, cut), " has the class \"", line.substr(cut + 1),
                  "\", which is not in labels.json");
    answers.emplace(line.substr(0, cut), *label);
  }
  for (Sample& sample : samples) {
    if (const auto found = answers.find(sample.id); found != answers.end()) sample.label = found->second;
  }
}

// The folder and suffix of the videos: the first place that has one of the first samples.
void find_videos(const fs::path& root, std::vector<Sample>& samples) {
  const std::vector<fs::path> folders = {root / kVideoFolder, root / "videos", root};
  for (const fs::path& folder : folders) {
    for (const char* suffix : {".webm", ".mp4"}) {
      std::vector<fs::path> names;
      for (const Sample& sample : samples) names.emplace_back(sample.id + suffix);
      if (!find_base({folder}, names)) continue;
      for (std::size_t i = 0; i < samples.size(); ++i) samples[i].path = folder / names[i];
      return;
    }
  }
  throw Error("no video of the annotations was found below ", root.string(), "; ", samples.front().id,
              ".webm and the others must be in ", folders.front().string());
}

}  // namespace

bool can_read_ssv2(const fs::path& root) {
  // Sets of other formats may have a labels.json too.
  if (find_annotation(root, "labels").empty()) return false;
  for (const char* split : {"train", "validation", "test"}) {
    if (!split_file(root, split).empty()) return true;
  }
  return false;
}

Dataset read_ssv2(const fs::path& root, const std::string& split) {
  const fs::path label_file = find_annotation(root, "labels");
  if (label_file.empty()) {
    throw Error("no labels.json or something-something-v2-labels.json was found in ", root.string(),
                " or its folder labels");
  }
  const fs::path file = split_file(root, split);
  if (file.empty()) throw Error("no ", split, ".json was found beside ", label_file.string());
  Dataset dataset;
  dataset.labels = read_labels(label_file);
  const LabelIndex index(dataset.labels);
  const Json content = parse_json_file(file);
  if (!content.is_array()) throw Error(file.string(), " must be an array of videos");
  dataset.samples.reserve(content.size());
  for (std::size_t i = 0; i < content.size(); ++i) {
    const Json& entry = content[i];
    Sample sample;
    sample.id = read_id(entry, file, i);
    if (const auto pattern = entry.find("template"); pattern != entry.end() && pattern->is_string()) {
      const std::string name = without_brackets(pattern->get<std::string>());
      const auto label = index.index(name);
      if (!label) {
        throw Error(file.string(), ": video ", sample.id, " has the class \"", name, "\", which is not in ",
                    label_file.string());
      }
      sample.label = *label;
    } else if (split != "test") {
      throw Error(file.string(), ": video ", sample.id, " has no \"template\", which tells its class");
    }
    dataset.samples.push_back(std::move(sample));
  }
  if (dataset.samples.empty()) throw Error(file.string(), " lists no videos");
  if (split == "test") add_answers(root, index, dataset.samples);
  find_videos(root, dataset.samples);
  return dataset;
}

}  // namespace trecvit::datasets
