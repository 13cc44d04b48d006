// One video to the pixels of its clips and crops. Internal to data/loader: what a worker does for one sample.
#pragma once

#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "data/datasets/dataset.h"
#include "data/loader/preprocess.h"
#include "data/loader/sampling.h"

namespace trecvit {

struct ClipReaderOptions {
  Sampling sampling;
  std::int64_t size = 224;
  double deadline_s = 30;
  bool training = false;
  AugmentConfig augment;
  std::int64_t clips = 1, crops = 1;
  std::uint64_t seed = 0;
  bool shuffle_frames = false;
};

// Not thread-safe: keeps scratch memory.
class ClipReader {
 public:
  explicit ClipReader(const ClipReaderOptions& options) : options_(options), preprocess_(options.size) {}

  struct Target {
    std::uint8_t* pixels = nullptr;  // frame 0 of the first view
    std::size_t frame_step = 0;      // bytes from a frame to the next of the same view; views follow one another
  };

  // Writes clips x crops views (crops fastest) of T frames each. Depends on (options, epoch, number, file) only.
  // Returns whether the clip was mirrored. Error: a bad video; what was written is then undefined.
  bool read(const Sample& sample, std::int64_t epoch, std::int64_t number, const Target& target);

 private:
  // Frame numbers of all clips, [clips, T], out of first .. first + count - 1.
  void choose_frames(std::int64_t first, std::int64_t count, std::int64_t number, Rng& rng);

  ClipReaderOptions options_;
  Preprocess preprocess_;
  std::vector<std::int64_t> numbers_;
  struct Last {
    std::int64_t number = -1;  // of the frame converted last for this clip
    const std::uint8_t* pixels = nullptr;
  };
  std::vector<Last> last_;
};

}  // namespace trecvit
