// Advice from the times of reading clips: what limits it, and what would help.
#pragma once

#include <string>
#include <vector>

#include "data/loader/load_times.h"

namespace trecvit {

struct LoadStage {
  const char* name;  // "open", "decode", "convert", "augment"
  double seconds;
  const char* advice;
};
std::vector<LoadStage> stages_of(const LoadTimes& times);

// Half a sentence: the longest stage, its share, and what would help.
std::string load_advice(const LoadTimes& times);

}  // namespace trecvit
