// Shared by lists, JSON lines and class folders: entries with a path and a label still as text. Internal to
// data/datasets.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/datasets/readers.h"

namespace trecvit::datasets {

struct Entry {
  std::string path;   // as written
  std::string label;  // a number or a name; empty: not known
  double start_s = -1, end_s = -1;
  std::int64_t frames = 0;  // > 0: a folder of so many extracted frames
  std::size_t line = 0;     // from 1
};

// The entries of a list.
struct Entries {
  fs::path file;
  std::vector<Entry> entries;
};

// The files that hold the splits: `root` is one file, or a folder with files named by split. Suffixes in order of
// preference.
std::map<std::string, fs::path> split_files(const fs::path& root, std::initializer_list<std::string_view> suffixes);

// Error naming what is there when `split` is not.
fs::path file_of_split(const std::map<std::string, fs::path>& files, const fs::path& root, const std::string& split);

// Labels over the entries of all splits. All numbers: the class names come from labels.txt, classes.txt,
// class_names.txt or categories.txt beside the list (one per line), else are the numbers. Otherwise: the names in
// alphabetical order. Error: a number beyond the names, or beyond what a set may have without any.
Dataset from_entries(const std::map<std::string, Entries>& by_split, const std::string& split);

}  // namespace trecvit::datasets
