// One reader per way to lay out a data set, and what they share. Internal to data/datasets.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/datasets/dataset.h"
#include "data/datasets/label_index.h"

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

// Lines without their ends ("\n", "\r\n"); a byte-order mark is passed over. Error: not UTF-8 text (UTF-16, zero
// bytes).
std::vector<std::string> read_lines(const fs::path& path);

// The first of `candidates` that exists; empty path when none does.
fs::path first_existing(const std::vector<fs::path>& candidates);

// The base in `bases` below which one of the first of `paths` exists; empty optional when none does.
std::optional<fs::path> find_base(const std::vector<fs::path>& bases, const std::vector<fs::path>& paths);

// The files of a folder with one of these suffixes, short names before long ones ("train.csv" before "my_train.csv").
// None where the folder does not exist.
std::vector<fs::path> annotation_files(const fs::path& folder, std::initializer_list<std::string_view> suffixes);

}  // namespace trecvit::datasets
