#include "data/datasets/stats.h"

#include <optional>

#include "core/error.h"
#include "data/datasets/parallel.h"
#include "data/video/decoder.h"
#include "data/video/frame_folder.h"

namespace trecvit {
namespace {

// 0 of a file that went away meanwhile.
std::int64_t bytes_of(const std::filesystem::path& path) {
  std::error_code unknown;
  const auto size = std::filesystem::file_size(path, unknown);
  return unknown ? 0 : static_cast<std::int64_t>(size);
}

VideoFacts facts_of(const Sample& sample, double deadline_s) {
  if (sample.frames > 0) {
    VideoFacts facts{.codec = "pictures", .frames = sample.frames};
    video::FrameFolder folder(sample.path, deadline_s);
    folder.expect(sample.frames);
    const std::int64_t first[] = {0};
    folder.decode(first, [&](std::size_t, const video::Frame& frame) {
      facts.width = frame.width;
      facts.height = frame.height;
    });
    facts.bytes = folder.bytes();
    return facts;
  }
  video::Decoder decoder(sample.path.string(), {.deadline_s = deadline_s});
  const std::int64_t frames = std::ssize(decoder.times());
  const video::VideoInfo& info = decoder.info();
  const bool turned = info.rotation % 180 != 0;
  return {.codec = info.codec,
          .width = turned ? info.height : info.width,
          .height = turned ? info.width : info.height,
          .fps = info.fps,
          .duration_s = info.duration_s,
          .frames = frames,
          .bytes = bytes_of(sample.path)};
}

}  // namespace

DatasetStats gather_stats(const Dataset& dataset, const StatsOptions& options,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
  DatasetStats stats{.videos = std::ssize(dataset.samples)};
  std::vector<std::optional<VideoFacts>> found(dataset.samples.size());
  datasets::for_each_index(
      stats.videos, options.workers,
      [&](std::size_t i) {
        try {
          found[i] = facts_of(dataset.samples[i], options.deadline_s);
        } catch (const Error&) {  // `dataset check` says what is wrong with it
        }
      },
      progress);
  for (std::optional<VideoFacts>& facts : found) {
    if (facts) stats.facts.push_back(std::move(*facts));
  }
  stats.classes = count_classes(dataset);
  return stats;
}

}  // namespace trecvit
