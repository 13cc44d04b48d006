// Shared by the tests of the loader.
#pragma once

#include <vector>

#include "data/loader/loader.h"
#include "synth_support.h"

namespace trecvit::data_test {

// The small set with some of its 24 training videos spoilt: number 3 is not a video, number 5 is missing.
class Spoilt {
 public:
  Spoilt() {
    fs::copy(small_set("ssv2"), folder_ / "set", fs::copy_options::recursive);
    folder_.write("set/20bn-something-something-v2/3.webm", "not a video");
    fs::remove(folder_ / "set/20bn-something-something-v2/5.webm");
  }
  fs::path path() const { return folder_ / "set"; }

 private:
  TempFolder folder_;
};

inline bool same(const ClipBatch& a, const ClipBatch& b) {
  return a.frames == b.frames && a.clips == b.clips && a.height == b.height && a.width == b.width &&
         a.video == b.video && a.labels == b.labels && a.samples == b.samples && a.views == b.views &&
         a.position == b.position && a.epoch == b.epoch;
}

inline std::vector<ClipBatch> batches(const Dataset& dataset, const DataConfig& config, const LoaderOptions& options,
                                      int count) {
  Loader loader(dataset, config, options);
  std::vector<ClipBatch> result;
  for (int i = 0; i < count; ++i) {
    ClipBatch batch;
    if (!loader.next(batch)) break;
    result.push_back(std::move(batch));
  }
  return result;
}

// The pixels of one clip, [T, H, W, 3].
inline std::vector<std::uint8_t> clip_of(const ClipBatch& batch, std::int64_t clip) {
  const std::int64_t picture = batch.height * batch.width * 3;
  std::vector<std::uint8_t> pixels;
  for (std::int64_t t = 0; t < batch.frames; ++t) {
    const auto begin = batch.video.begin() + (t * batch.clips + clip) * picture;
    pixels.insert(pixels.end(), begin, begin + picture);
  }
  return pixels;
}

}  // namespace trecvit::data_test
