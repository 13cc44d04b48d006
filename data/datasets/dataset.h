// Lists of labelled videos, read from the files that their publishers ship.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/data.h"

namespace trecvit {

struct Sample {
  std::string id;
  std::filesystem::path path;  // may not exist: annotations outlive videos
  std::int64_t label = -1;     // index in Dataset::labels; -1: not known
  double start_s = -1;         // the part of the file that counts, seconds from its first frame; < 0: from the start
  double end_s = -1;           // < 0: to the end
  std::int64_t frames = 0;     // > 0: `path` is a folder of so many extracted frames
};

struct Dataset {
  std::string format;  // "ssv2", "kinetics", ... what "auto" was found to be
  std::string split;   // "train", "validation", "test", or the publisher's own name
  std::filesystem::path root;
  std::vector<std::string> labels;  // class names by index; SSv2's are the templates without brackets
  std::vector<Sample> samples;      // in the order of the annotation file
};

// Has a suffix of a video file (.mp4, .webm, .avi, .mkv, ...).
bool is_video(const std::filesystem::path& path);

// Videos listed per label; unlabelled: those whose label is no index of Dataset::labels.
struct ClassCounts {
  std::vector<std::int64_t> videos;
  std::int64_t unlabelled = 0;
  std::int64_t smallest = 0, largest = 0;  // of videos
};
ClassCounts count_classes(const Dataset& dataset);

// Reads the annotations of one split; opens no video. `split`: "val", "validation" and "validate" are the same.
// Error: no such folder or split, nothing in it, a file that is not what it should be (with the line), a label that the
// label list does not have (with the id), no video at all where they should be.
Dataset open_dataset(const DataConfig& config, const std::string& split);

// The label that a clip has after a left-right mirror, for every label: classes whose name with left and right (or
// clockwise and anticlockwise / counterclockwise) exchanged is a class too are swapped, all others stay.
std::vector<std::int64_t> mirrored_labels(const std::vector<std::string>& labels);

}  // namespace trecvit
