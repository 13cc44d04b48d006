// One reader per way to lay out a data set, and what they share. Internal to data/datasets.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/datasets/dataset.h"

namespace trecvit::datasets {

namespace fs = std::filesystem;

// Each fills everything but `format`, `split` and `root`; `split` is "train", "validation", "test" or the user's word.
// `can_read_*` looks at names of files and folders only.
bool can_read_ssv2(const fs::path& root);
Dataset read_ssv2(const fs::path& root, const std::string& split);
bool can_read_kinetics(const fs::path& root);
Dataset read_kinetics(const fs::path& root, const std::string& split);
bool can_read_ucf101(const fs::path& root);
Dataset read_ucf101(const fs::path& root, const std::string& split);
bool can_read_hmdb51(const fs::path& root);
Dataset read_hmdb51(const fs::path& root, const std::string& split);
bool can_read_list(const fs::path& root);
Dataset read_list(const fs::path& root, const std::string& split);
bool can_read_jsonl(const fs::path& root);
Dataset read_jsonl(const fs::path& root, const std::string& split);
bool can_read_folder(const fs::path& root);
Dataset read_folder(const fs::path& root, const std::string& split);

// "val", "valid", "validate", "validation" -> "validation"; "training" -> "train"; "testing" -> "test"; other words
// stay.
std::string canonical_split(const std::string& split);

// Names under which publishers store a canonical split, likeliest first.
std::vector<std::string> split_names(const std::string& split);

// Lower case, [a-z0-9] only: how class names of folders and of annotations are compared.
std::string normalised(const std::string& name);

// Lines without their ends ("\n", "\r\n"); a byte-order mark is passed over.
std::vector<std::string> read_lines(const fs::path& path);

// Class indices handed out by name; index() of an unknown name is empty.
class LabelIndex {
 public:
  explicit LabelIndex(const std::vector<std::string>& labels);  // exact names win over normalised ones
  std::optional<std::int64_t> index(const std::string& name) const;

 private:
  std::map<std::string, std::int64_t> exact_, loose_;
};

// The first of `candidates` that exists; empty path when none does.
fs::path first_existing(const std::vector<fs::path>& candidates);

}  // namespace trecvit::datasets
