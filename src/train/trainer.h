// The one training loop; what is learnt is the objective's affair.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <string>

#include "data/loader/load_times.h"
#include "config/train.h"

namespace trecvit {

struct TrainRequest {
  Config config;                               // finished
  std::map<std::string, std::string> origins;  // of the keys that were set, for config.resolved.yaml
  std::filesystem::path run_dir;
  std::string resume = "auto";  // auto: go on when the folder holds a checkpoint | none: refuse to | a checkpoint folder
  std::filesystem::path init;   // weights to start from: those that fit by name; the report says what did not
  bool new_head = false;        // with init: the classifier starts anew, for classes that are not the file's
  std::int64_t overfit = 0;     // train on the first so many videos alone, in evaluation's view of them
  bool dry_run = false;         // one step, a report of time and memory, nothing kept
};

struct TrainResult {
  std::int64_t steps = 0;
  double seconds = 0;      // spent in training steps, evaluation excluded
  double loss = 0;         // of the last step
  double top1 = -1;        // of the last evaluation; -1: none
  double best_top1 = -1;
  double data_wait = 0;    // share of the time spent waiting for batches
  double gpu_busy = -1;    // share of the time in which the GPU ran kernels, of any process; -1: not known
  LoadTimes load;          // where the time of the threads that read clips went
  std::int64_t parameters = 0;
  std::int64_t bad_videos = 0;
  bool interrupted = false;
};

// Writes the run folder (docs/architecture.md). `stop` set: finishes the step, saves and returns with interrupted.
// Error: data, disk or model at fault; what was saved before stays. A non-finite loss or gradient is an Error that names the
// step, the videos of the batch and the first parameter that went bad.
TrainResult train(const TrainRequest& request, const std::atomic<bool>& stop);

}  // namespace trecvit
