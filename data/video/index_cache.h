// Frame indices kept on disk, for files so large that their packets are not kept in memory: of a film of two hours a
// scan reads gigabytes, and a clip needs a few megabytes. (Of a short file a scan is the reading of the packets that
// decoding needs anyway.)
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "data/video/index.h"

namespace trecvit::video {

// The index of `source` from the folder `cache`; nothing when there is none, when the file's size or time of change is
// another than when it was stored, and when the stored one is damaged.
std::optional<Index> load_index(const std::string& cache, const std::string& source);

// Size of a regular file; 0 for anything else.
std::int64_t file_bytes(const std::string& source);

// Stores it for the next one to open the file; in silence when the disk does not want it. Any number of threads and
// processes may do so at once.
void store_index(const std::string& cache, const std::string& source, const Index& index);

}  // namespace trecvit::video
