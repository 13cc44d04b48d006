#include "data/loader/clip_reader.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "data/loader/order.h"
#include "data/video/decoder.h"

namespace trecvit {

void ClipReader::choose_frames(std::int64_t first, std::int64_t count, std::int64_t number, Rng& rng) {
  const auto t = static_cast<std::size_t>(options_.sampling.frames);
  numbers_.resize(t * static_cast<std::size_t>(options_.clips));
  for (std::int64_t clip = 0; clip < options_.clips; ++clip) {
    const std::span<std::int64_t> chosen(&numbers_[static_cast<std::size_t>(clip) * t], t);
    if (options_.training) {
      training_frames(count, options_.sampling, rng, chosen);
    } else {
      evaluation_frames(count, options_.sampling, clip, options_.clips, chosen);
    }
    for (std::int64_t& n : chosen) n += first;
    if (!options_.shuffle_frames) continue;
    const std::uint64_t stream = mix(stream_id("loader.shuffle_frames"), static_cast<std::uint64_t>(number));
    Rng shuffle(options_.seed, mix(stream, static_cast<std::uint64_t>(clip)));
    for (std::size_t i = t - 1; i > 0; --i) {
      std::swap(chosen[i], chosen[static_cast<std::size_t>(shuffle.below(static_cast<std::int64_t>(i) + 1))]);
    }
  }
}

bool ClipReader::read(const Sample& sample, std::int64_t epoch, std::int64_t number, const Target& target) {
  const std::uint64_t stream = mix(stream_id("loader.clip"), static_cast<std::uint64_t>(epoch));
  Rng rng(options_.seed, mix(stream, static_cast<std::uint64_t>(number)));
  const Augmentation augmentation = options_.training ? draw_augmentation(options_.augment, rng) : Augmentation{};
  const LightTable light(augmentation);

  video::Decoder decoder(sample.path.string(), {.deadline_s = options_.deadline_s});
  const std::vector<double>& times = decoder.times();
  auto begin = times.begin(), end = times.end();
  if (sample.end_s >= 0) end = std::lower_bound(begin, end, sample.end_s);
  if (sample.start_s >= 0) begin = std::lower_bound(begin, end, sample.start_s);
  if (begin == end) {
    if (times.empty()) throw Error("video ", sample.path.string(), " has no frames");
    throw Error("video ", sample.path.string(), " has no frame between ", std::max(0.0, sample.start_s), " s and ",
                sample.end_s < 0 ? times.back() : sample.end_s, " s; its last frame is at ", times.back(), " s");
  }
  choose_frames(begin - times.begin(), end - begin, number, rng);

  const std::int64_t frames = options_.sampling.frames;
  const std::size_t picture = preprocess_.bytes();
  last_.assign(static_cast<std::size_t>(options_.clips), {});
  decoder.decode(numbers_, [&](std::size_t k, const video::Frame& frame) {
    const auto clip = static_cast<std::int64_t>(k) / frames, t = static_cast<std::int64_t>(k) % frames;
    Last& last = last_[static_cast<std::size_t>(clip)];
    std::uint8_t* const pixels = target.pixels + static_cast<std::size_t>(t) * target.frame_step +
                                 static_cast<std::size_t>(clip * options_.crops) * picture;
    if (last.number == numbers_[k]) {  // a short video repeats frames
      std::memcpy(pixels, last.pixels, picture * static_cast<std::size_t>(options_.crops));
      return;
    }
    for (std::int64_t crop = 0; crop < options_.crops; ++crop) {
      std::uint8_t* const view = pixels + static_cast<std::size_t>(crop) * picture;
      preprocess_(frame, options_.training ? augmentation.crop : evaluation_crop(crop, options_.crops), view);
      light.apply(view, picture);
    }
    last = {.number = numbers_[k], .pixels = pixels};
  });
  return augmentation.crop.flip;
}

}  // namespace trecvit
