#include "data/loader/clip_reader.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <numeric>

#include "core/error.h"
#include "data/loader/order.h"
#include "data/video/decoder.h"
#include "data/video/frame_folder.h"

namespace trecvit {
namespace {

double thread_cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

class ClipReader::Stopwatch {
 public:
  // Adds the time since the last lap.
  void lap(double& sum) {
    const Clock::time_point now = Clock::now();
    sum += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

std::uint64_t ClipReader::stream(std::int64_t epoch, std::int64_t number, std::int64_t clip) const {
  const std::uint64_t of_epoch = mix(stream_id("loader.clip"), static_cast<std::uint64_t>(epoch));
  return mix(mix(of_epoch, static_cast<std::uint64_t>(number)), static_cast<std::uint64_t>(clip));
}

void ClipReader::choose_frames(const Timeline& timeline, std::int64_t first, std::int64_t epoch, std::int64_t number) {
  const auto t = static_cast<std::size_t>(options_.sampling.frames);
  numbers_.resize(t * static_cast<std::size_t>(options_.clips));
  for (std::int64_t clip = 0; clip < options_.clips; ++clip) {
    const std::span<std::int64_t> chosen(&numbers_[static_cast<std::size_t>(clip) * t], t);
    if (options_.training) {
      Rng rng(options_.seed, mix(stream(epoch, number, clip), stream_id("frames")));
      training_frames(timeline.count(), options_.sampling, rng, chosen);
    } else {
      evaluation_frames(timeline.count(), options_.sampling, clip, options_.clips, chosen);
    }
    for (std::int64_t& n : chosen) n = first + timeline.frame(n);
    if (!options_.shuffle_frames) continue;
    const std::uint64_t of_sample = mix(stream_id("loader.shuffle_frames"), static_cast<std::uint64_t>(number));
    Rng shuffle(options_.seed, mix(of_sample, static_cast<std::uint64_t>(clip)));
    for (std::size_t i = t - 1; i > 0; --i) {
      std::swap(chosen[i], chosen[static_cast<std::size_t>(shuffle.below(static_cast<std::int64_t>(i) + 1))]);
    }
  }
}

void ClipReader::read(const Sample& sample, std::int64_t epoch, std::int64_t number, const Target& target) {
  augmentations_.assign(static_cast<std::size_t>(options_.clips), {});
  last_.assign(static_cast<std::size_t>(options_.clips), {});
  if (options_.training) {
    for (std::int64_t clip = 0; clip < options_.clips; ++clip) {
      Rng rng(options_.seed, mix(stream(epoch, number, clip), stream_id("changes")));
      augmentations_[static_cast<std::size_t>(clip)] = draw_augmentation(options_.augment, preprocess_.size(), rng);
    }
  }
  crops_.clear();
  for (const Augmentation& of_clip : augmentations_) {
    for (std::int64_t crop = 0; crop < options_.crops; ++crop)
      crops_.push_back(options_.training ? of_clip.crop : evaluation_crop(crop, options_.crops));
  }
  if (target.planes) {
    target.planes->samples.clear();
    target.planes->pictures.resize(static_cast<std::size_t>(options_.sampling.frames) * crops_.size());
  }
  struct CpuTime {
    double& sum;
    double began = thread_cpu_s();
    ~CpuTime() { sum += thread_cpu_s() - began; }
  } cpu_time{times_.cpu_s};
  Stopwatch watch;
  ++times_.videos;
  if (sample.frames > 0) {
    read_folder(sample, epoch, number, target, watch);
  } else {
    read_video(sample, epoch, number, target, watch);
  }
  watch.lap(times_.open_s);
  for (std::int64_t clip = 0; options_.training && !target.planes && clip < options_.clips; ++clip) {
    augment_clip(augmentations_[static_cast<std::size_t>(clip)],
           {.pixels = target.pixels + static_cast<std::size_t>(clip) * preprocess_.bytes(),
            .frame_step = target.frame_step,
            .frames = options_.sampling.frames,
            .height = preprocess_.size(),
            .width = preprocess_.size()});
  }
  watch.lap(times_.augment_s);
}

template <class Source>
void ClipReader::decode(Source& source, const Target& target, Stopwatch& watch) {
  watch.lap(times_.open_s);
  source.decode(numbers_, [&](std::size_t k, const video::Frame& frame) {
    watch.lap(times_.decode_s);
    extract_planes(k, frame, target);
    watch.lap(times_.convert_s);
  });
  watch.lap(times_.decode_s);
}

void ClipReader::read_video(const Sample& sample, std::int64_t epoch, std::int64_t number, const Target& target,
                            Stopwatch& watch) {
  video::Decoder decoder(
      sample.path.string(),
      {.deadline_s = options_.deadline_s, .one_deadline = true, .index_cache = options_.index_cache});
  const std::vector<double>& times = decoder.times();
  auto begin = times.begin(), end = times.end();
  if (sample.end_s >= 0) end = std::lower_bound(begin, end, sample.end_s);
  if (sample.start_s >= 0) begin = std::lower_bound(begin, end, sample.start_s);
  if (begin == end) {
    if (times.empty()) throw Error("video ", sample.path.string(), " has no frames");
    throw Error("video ", sample.path.string(), " has no frame between ", std::max(0.0, sample.start_s), " s and ",
                sample.end_s < 0 ? times.back() : sample.end_s, " s; its last frame is at ", times.back(), " s");
  }
  choose_frames(Timeline({begin, end}, options_.sampling.fps), begin - times.begin(), epoch, number);
  decode(decoder, target, watch);
  times_.decoded += decoder.counts().frames;
}

void ClipReader::read_folder(const Sample& sample, std::int64_t epoch, std::int64_t number, const Target& target,
                             Stopwatch& watch) {
  if (options_.sampling.fps > 0) {
    throw Error(sample.path.string(), " holds extracted frames, whose times nobody knows; data.fps must be 0");
  }
  video::FrameFolder folder(sample.path, options_.deadline_s);
  folder.expect(sample.frames);
  std::vector<double> times(static_cast<std::size_t>(sample.frames));
  std::iota(times.begin(), times.end(), 0.0);
  choose_frames(Timeline(times, 0), 0, epoch, number);
  decode(folder, target, watch);
  times_.decoded += folder.decoded();
}

// Converts one frame for all crops of its clip.
void ClipReader::extract_planes(std::size_t k, const video::Frame& frame, const Target& target) {
  ++times_.kept;
  const std::int64_t frames = options_.sampling.frames;
  const std::size_t picture = preprocess_.bytes(), crops = static_cast<std::size_t>(options_.crops);
  const auto clip = static_cast<std::int64_t>(k) / frames, t = static_cast<std::int64_t>(k) % frames;
  const std::span<const Crop> cut(&crops_[static_cast<std::size_t>(clip) * crops], crops);
  Last& last = last_[options_.training ? static_cast<std::size_t>(clip) : 0];
  const bool again = last.number == numbers_[k];  // short videos repeat frames, and clips share them
  if (target.planes) {
    const auto at = [&](std::int64_t at_t, std::int64_t of_clip) {
      return static_cast<std::size_t>(at_t) * crops_.size() + static_cast<std::size_t>(of_clip) * crops;
    };
    if (again) {
      std::copy_n(&target.planes->pictures[at(last.t, last.clip)], crops, &target.planes->pictures[at(t, clip)]);
    } else {
      preprocess_.extract_planes(frame, cut, *target.planes, at(t, clip));
    }
  } else {
    const auto at = [&](std::int64_t at_t, std::int64_t of_clip) {
      return target.pixels + static_cast<std::size_t>(at_t) * target.frame_step +
             static_cast<std::size_t>(of_clip) * crops * picture;
    };
    std::uint8_t* const pixels = at(t, clip);
    if (again) {
      std::memcpy(pixels, at(last.t, last.clip), picture * crops);
    } else {
      for (std::size_t crop = 0; crop < crops; ++crop) preprocess_(frame, cut[crop], pixels + crop * picture);
    }
  }
  last = {.number = numbers_[k], .t = t, .clip = clip};
}

}  // namespace trecvit
