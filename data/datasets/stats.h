// Statistics of the videos of a split.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/datasets/dataset.h"

namespace trecvit {

struct VideoFacts {
  std::string codec;          // "vp9"; "pictures" of extracted frames
  int width = 0, height = 0;  // pixels as displayed
  double fps = 0;             // 0: not known
  double duration_s = 0;      // 0: not known
  std::int64_t frames = 0;
  std::int64_t bytes = 0;
};

struct DatasetStats {
  std::int64_t videos = 0;        // listed
  std::vector<VideoFacts> facts;  // of those that can be read, in the data set's order
  ClassCounts classes;
};

struct StatsOptions {
  int workers = 2;         // threads, 1..256
  double deadline_s = 30;  // per call into one video
};

// Opens every file and counts its frames; decodes only where the packets do not tell. The result does not depend on the
// number of workers.
DatasetStats gather_stats(const Dataset& dataset, const StatsOptions& options,
                          const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace trecvit
