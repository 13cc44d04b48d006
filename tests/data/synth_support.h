// Small synthetic sets for tests of readers and loaders: 24 training and 12 validation videos, made once per process.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "data/datasets/dataset.h"
#include "data/synth/synth.h"

namespace trecvit::data_test {

namespace fs = std::filesystem;

// A new empty folder, removed with the object.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (fs::temp_directory_path() / "trecvit_data_XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw Error("no temporary folder could be made");
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

  // Writes a file below the folder, with the folders that it needs.
  fs::path write(const std::string& name, const std::string& content) const {
    fs::create_directories((path_ / name).parent_path());
    write_file(path_ / name, content);
    return path_ / name;
  }

 private:
  fs::path path_;
};

inline SynthOptions small_synth(const std::string& format) {
  return {.format = format, .train = 24, .validation = 12, .width = 48, .height = 32, .min_frames = 6, .max_frames = 9};
}

// The set in `format`; shared, so read only.
inline const fs::path& small_set(const std::string& format) {
  static std::map<std::string, std::unique_ptr<TempFolder>> sets;
  std::unique_ptr<TempFolder>& folder = sets[format];
  if (!folder) {
    folder = std::make_unique<TempFolder>();
    synthesize(folder->path(), small_synth(format));
  }
  return folder->path();
}

inline DataConfig small_config(const fs::path& root) {
  DataConfig config;
  config.root = root.string();
  config.frames = 4;
  config.stride = 2;
  config.size = 16;
  config.workers = 0;
  return config;
}

// Opens one split in the format "auto" or another.
inline Dataset open(const fs::path& root, const std::string& split, const std::string& format = "auto") {
  DataConfig config = small_config(root);
  config.format = format;
  return open_dataset(config, split);
}

inline std::vector<std::int64_t> labels_of(const Dataset& dataset) {
  std::vector<std::int64_t> labels;
  for (const Sample& sample : dataset.samples) labels.push_back(sample.label);
  return labels;
}

// The message of the Error that `action` throws; empty when it throws none.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace trecvit::data_test
