// A labelled data set of motion videos, made on the spot: for demonstrations, tests and benchmarks that need no
// download.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace trecvit {

struct SynthOptions {
  std::string format = "ssv2";  // layout: ssv2 or kinetics
  std::string codec;            // vp9 (.webm), h264 or mpeg4 (.mp4); empty: vp9 for ssv2, h264 for kinetics
  std::int64_t train = 2400;    // videos, 0..10,000,000
  std::int64_t validation = 600;
  int width = 96;  // pixels, even, 16..4096
  int height = 72;
  int min_frames = 14;  // 2..10,000; each video has min_frames..max_frames
  int max_frames = 20;
  double fps = 12;
  std::string difficulty = "easy";  // easy, medium or hard (data/synth/difficulty.h)
  std::uint64_t seed = 0;
  int workers = 2;  // threads, 1..256; the files do not depend on it

  void check() const;  // UsageError naming the option
  std::string chosen_codec() const;
};

struct SynthReport {
  std::int64_t written = 0;  // videos made by this call
  std::int64_t kept = 0;     // found from an earlier call with the same options
  std::int64_t classes = 0;
  double seconds = 0;
};

// Fills the folder `out` (made when missing): videos first, index files when all are there, `synth.json` says which
// options they belong to. Called again with the same options it makes what is missing. Train and validation videos come
// from different random streams. `progress`(done, total) is called from one thread at a time.
// Error: `out` holds something else, or videos of other options; a full disk.
SynthReport synthesize(const std::filesystem::path& out, const SynthOptions& options,
                       const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace trecvit
