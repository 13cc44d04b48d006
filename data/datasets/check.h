// Is a data set whole? Looks at every video of a split and says what is wrong with which.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/datasets/dataset.h"

namespace trecvit {

struct CheckOptions {
  bool full = false;            // decode every frame; otherwise only open the files
  int workers = 2;              // threads, 1..256
  double deadline_s = 30;       // per call into one video
  std::int64_t min_frames = 1;  // full: fewer frames than this is "too short"
};

enum class ProblemKind {
  kMissing,     // no such file
  kEmpty,       // a file of no bytes
  kUnreadable,  // not a video, or cut off so that it cannot be opened
  kDamaged,     // full: opens, but not every frame can be decoded
  kTooShort,    // full: fewer than min_frames frames
  kDuplicate,   // the same id or file is listed twice, or (full) two files have the same bytes
  kUnlabelled,  // no label, in a split whose other videos have one
  kShared       // find_shared: in another split too
};
const char* problem_name(ProblemKind kind);  // "missing", "empty", ...

struct Problem {
  std::int64_t sample = 0;  // index in Dataset::samples
  std::string id;
  std::filesystem::path path;
  ProblemKind kind = ProblemKind::kMissing;
  std::string sentence;
};

struct CheckReport {
  std::int64_t videos = 0;        // listed
  std::int64_t usable = 0;        // not missing, empty, unreadable, damaged
  std::int64_t official = 0;      // how many the publisher's set has; 0: not known
  std::vector<Problem> problems;  // by sample, then kind
  ClassCounts classes;
  std::vector<std::int64_t> empty_classes;          // labels without a video
  std::int64_t frames = 0;                          // full: of all usable videos
  std::int64_t fewest_frames = 0, most_frames = 0;  // full: of one usable video
  std::vector<std::uint64_t> fingerprints;          // full: by sample, of the file's bytes; 0: not known
};

// `progress`(done, total) is called from one thread at a time. The report does not depend on the number of workers.
CheckReport check_dataset(const Dataset& dataset, const CheckOptions& options,
                          const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

// How many samples of `dataset` show what one of `other` shows: the same file, or the same part of it.
std::int64_t count_shared(const Dataset& other, const Dataset& dataset);

// Adds to the report of `dataset` the videos that `other`, another split, has too: a model that was trained on what it
// is tested on knows the answers. By path; where both were checked in full, by content too.
void find_shared(const Dataset& other, const CheckReport& of_other, const Dataset& dataset, CheckReport& report);

}  // namespace trecvit
