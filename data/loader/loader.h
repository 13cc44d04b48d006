// Batches of clips, decoded ahead by worker threads. The batches are the same, bit for bit, for any number of workers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/data.h"
#include "data/datasets/dataset.h"
#include "data/loader/load_times.h"
#include "data/video/rgb.h"

namespace trecvit {

struct ClipBatch {
  std::int64_t frames = 0, clips = 0, height = 0, width = 0;  // T, B, pixels
  std::vector<std::uint8_t> video;                            // [T, B, height, width, 3], RGB pixels
  std::vector<video::Planes> planes;                          // LoaderOptions::planes: instead of pixels, by video
  std::vector<std::int64_t> labels;                           // [B], after the flip; -1: not known
  std::vector<std::int64_t> samples;                          // [B], index in Dataset::samples
  std::vector<std::int64_t> views;                            // [B], clip * crops + crop; in training: the repeat
  double wait_s = 0;                                          // how long next() waited for this batch
  std::int64_t position = 0;                                  // number of this batch in the whole run, from 0
  std::int64_t epoch = 0;                                     // position / batches_per_epoch()
};

struct LoaderOptions {
  bool training = false;
  std::int64_t batch = 8;  // clips per batch and rank; training takes augment.repeats of each video. Evaluation keeps
                           // all views of a video in one batch: max(1, batch / (clips * crops)) videos
  std::uint64_t seed = 0;
  AugmentConfig augment;              // training only
  std::int64_t clips = 1, crops = 1;  // evaluation views per video
  int rank = 0, world = 1;            // this process takes its share of each global batch of batch * world clips
  std::int64_t start_batch = 0;       // position of the first batch
  std::vector<std::int64_t> recent_bad;  // recent_bad() of the loader that this one goes on from
  bool shuffle_frames =
      false;            // evaluation: each clip's frames in an order drawn by sample, to test what order is worth
  bool planes = false;  // batches hold decoded planes for another device to convert; training must not change pixels
};

// A video that could not be read.
struct BadVideo {
  std::int64_t sample = 0;  // index in Dataset::samples
  std::filesystem::path path;
  std::string message;
  std::int64_t epoch = 0;
};

class Loader {
 public:
  // `dataset` must outlive the loader. UsageError: options out of range; training on fewer videos than a global batch.
  Loader(const Dataset& dataset, const DataConfig& config, const LoaderOptions& options);
  ~Loader();  // waits for clips being decoded, not for batches
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Training: endless; each epoch is a new random order whose incomplete last batch is left out. A bad video is left
  // out of its batch, which may so shrink to nothing. Evaluation: false after the last batch of one pass in the data
  // set's order; batches in which every video is bad come with 0 clips. The memory of `batch` is taken over and reused.
  // Error: in training, more than max_bad_share of the last videos were bad, or all of them. The last videos are one
  // epoch's, at most 4096; those before the first batch of the run count as good. A fault in a worker comes out here.
  bool next(ClipBatch& batch);

  std::int64_t batches_per_epoch() const;

  // Where the time of the workers went so far.
  LoadTimes times() const;

  // Bad videos of the batches that next() delivered since the last call, in the order of the batches.
  std::vector<BadVideo> take_bad();

  // For max_bad_share: the position of its batch for every bad video among the last ones, ascending.
  std::vector<std::int64_t> recent_bad() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trecvit
