// One video to the pixels of its clips and crops: what a worker of the loader does for one sample.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/datasets/dataset.h"
#include "data/loader/augmentation.h"
#include "data/loader/load_times.h"
#include "data/loader/sampling.h"

namespace trecvit {

struct ClipReaderOptions {
  Sampling sampling;
  std::int64_t size = 224;
  double deadline_s = 30;
  std::string index_cache;  // as DecoderOptions::index_cache
  bool training = false;
  AugmentConfig augment;
  std::int64_t clips = 1, crops = 1;  // in training: clips with changes of their own, 1 crop
  std::uint64_t seed = 0;
  bool shuffle_frames = false;
};

// Not thread-safe: keeps scratch memory.
class ClipReader {
 public:
  explicit ClipReader(const ClipReaderOptions& options) : options_(options), preprocess_(options.size) {}

  // RGB pixels, or with `planes` what another device makes them of.
  struct Target {
    std::uint8_t* pixels = nullptr;   // frame 0 of the first view
    std::size_t frame_step = 0;       // bytes from a frame to the next of the same view; views follow one another
    video::Planes* planes = nullptr;  // what it held is lost; pictures: [T, views]. Training must not change pixels
  };

  // Writes clips x crops views (crops fastest) of T frames each. Depends on (options, epoch, number, file) only.
  // Error: a bad video; what was written is then undefined.
  void read(const Sample& sample, std::int64_t epoch, std::int64_t number, const Target& target);

  // Whether clip `clip` of the last read() was mirrored.
  bool flipped(std::int64_t clip) const { return augmentations_[static_cast<std::size_t>(clip)].crop.flip; }

  // Sums since the last call, bad videos included.
  LoadTimes take_times() { return std::exchange(times_, {}); }

 private:
  class Stopwatch;
  std::uint64_t stream(std::int64_t epoch, std::int64_t number, std::int64_t clip) const;
  void choose_frames(const Timeline& timeline, std::int64_t first, std::int64_t epoch, std::int64_t number);
  void read_video(const Sample& sample, std::int64_t epoch, std::int64_t number, const Target& target,
                  Stopwatch& watch);
  void read_folder(const Sample& sample, std::int64_t epoch, std::int64_t number, const Target& target,
                   Stopwatch& watch);
  // Decodes the chosen frames; Source: video::Decoder or video::FrameFolder.
  template <class Source>
  void decode(Source& source, const Target& target, Stopwatch& watch);
  void extract_planes(std::size_t k, const video::Frame& frame, const Target& target);

  ClipReaderOptions options_;
  Preprocess preprocess_;
  LoadTimes times_;
  std::vector<std::int64_t> numbers_;  // [clips, T]
  std::vector<Augmentation> augmentations_;  // [clips]
  std::vector<Crop> crops_;            // [clips, crops]
  struct Last {
    std::int64_t number =
        -1;  // of the frame converted last for this clip; in evaluation, where all are cut alike, for any
    std::int64_t t = 0, clip = 0;
  };
  std::vector<Last> last_;  // [clips]
};

}  // namespace trecvit
