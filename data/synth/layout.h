// Names and index files of a synthetic data set, exactly as the publishers of the real ones write them. Internal to
// data/synth.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/synth/motion.h"
#include "data/synth/synth.h"

namespace trecvit::synth {

// One video of the set.
struct Clip {
  std::int64_t number = 0;  // from 0, train first
  bool training = true;
  std::size_t motion_class = 0;  // index in motion_classes()
  std::string id;                // "17" (ssv2), 11 characters (kinetics)
  std::int64_t start_s = 0;      // kinetics: where it was cut from
  std::filesystem::path path;    // below the data set's folder
};

// The index entry of a rendered video.
struct Caption {
  std::string object, surface;
};

// The clips of the whole set: every class equally often in each split, in random order.
std::vector<Clip> plan(const SynthOptions& options);

// Before anything is written. Error: `codec` is not among those that FFmpeg can write; names those that would do.
void check_codec(const std::string& codec, const std::vector<std::string>& writable);

// Writes all index files; `captions` by clip number.
void write_index(const std::filesystem::path& out, const SynthOptions& options, const std::vector<Clip>& clips,
                 const std::vector<Caption>& captions);

}  // namespace trecvit::synth
