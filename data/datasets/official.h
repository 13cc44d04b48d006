// How many videos the publishers' own lists have, and how many of them are here.
#pragma once

#include <cstdint>
#include <string>

#include "data/datasets/dataset.h"

namespace trecvit {

// By format, number of classes and split; 0: not known.
std::int64_t official_videos(const Dataset& dataset);

// One sentence with `usable` (videos that are here and can be opened), the official number and their share; "" when the
// latter is not known.
std::string coverage(const Dataset& dataset, std::int64_t usable);

}  // namespace trecvit
