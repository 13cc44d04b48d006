#include "data/synth/synth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <span>
#include <thread>
#include <vector>

#include "core/config.h"
#include "core/error.h"
#include "core/file.h"
#include "data/synth/difficulty.h"
#include "data/synth/layout.h"
#include "data/synth/motion.h"
#include "data/synth/render.h"
#include "data/video/writer.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The codec of the real videos in this layout.
std::string own_codec(const std::string& format) { return format == "ssv2" ? "vp9" : "h264"; }

// Everything that decides the content of the files. Raise the version when the rendering changes.
Json identity(const SynthOptions& o) {
  Json record = {{"made_by", "trecvit dataset synth"},
                 {"version", 5},
                 {"format", o.format},
                 {"train", o.train},
                 {"validation", o.validation},
                 {"width", o.width},
                 {"height", o.height},
                 {"min_frames", o.min_frames},
                 {"max_frames", o.max_frames},
                 {"fps", o.fps},
                 {"difficulty", o.difficulty},
                 {"seed", o.seed}};
  // Only where it is not the format's own: older sets have no such key.
  if (o.chosen_codec() != own_codec(o.format)) record["codec"] = o.codec;
  return record;
}

// Is the folder ours, and for the same options? Makes it ours when it is empty.
void claim(const fs::path& out, const Json& wanted) {
  const fs::path mark = out / "synth.json";
  if (fs::exists(out) && !fs::is_directory(out)) throw Error(out.string(), " is a file; the output must be a folder");
  if (!fs::exists(mark)) {
    if (fs::exists(out) && !fs::is_empty(out)) {
      throw Error("folder ", out.string(),
                  " is not empty and was not made by dataset synth; give an empty or a new folder");
    }
    make_folders(out);
    write_file(mark, wanted.dump(2) + "\n");
    return;
  }
  const Json found = Json::parse(read_file(mark), nullptr, /*allow_exceptions=*/false);
  if (found.is_discarded() || !found.is_object()) {
    throw Error(mark.string(), " is not a record of dataset synth; give an empty or a new folder");
  }
  for (const auto& [key, value] : wanted.items()) {
    const Json other = found.value(key, Json());
    if (other != value) {
      throw Error("folder ", out.string(), " holds videos made with ", key, " = ", other.dump(), ", not ", value.dump(),
                  "; give a new folder or the same options");
    }
  }
  for (const auto& [key, value] : found.items()) {
    if (wanted.contains(key)) continue;
    throw Error("folder ", out.string(), " holds videos made with ", key, " = ", value.dump(),
                "; give a new folder or the same options");
  }
}

// Left by a run that was killed while encoding.
void remove_partial_files(const fs::path& folder) {
  std::vector<fs::path> partial;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".tmp") partial.push_back(entry.path());
  }
  for (const fs::path& path : partial) fs::remove(path);
}

synth::Caption make_video(const fs::path& path, const SynthOptions& options, const synth::Clip& clip,
                          std::vector<std::uint8_t>& frames) {
  synth::Caption caption;
  const int count = synth::render(options, clip, frames, caption);
  const std::size_t size = frames.size() / static_cast<std::size_t>(count);
  const std::string codec = options.chosen_codec();
  video::VideoWriter writer(path, {.codec = codec,
                                   .width = options.width,
                                   .height = options.height,
                                   .fps = options.fps,
                                   .quality = codec == "vp9"    ? 30
                                              : codec == "h264" ? 20
                                                                : 3});
  for (std::size_t i = 0; i < frames.size(); i += size) writer.add(std::span(frames).subspan(i, size));
  writer.finish();
  return caption;
}

}  // namespace

void SynthOptions::check() const {
  const auto even = [](int side) { return side >= 16 && side <= 4096 && side % 2 == 0; };
  require(format == "ssv2" || format == "kinetics", "format", format, "ssv2 or kinetics");
  require(codec.empty() || codec == "vp9" || codec == "h264" || codec == "mpeg4", "codec", codec, "vp9, h264 or mpeg4");
  const auto& levels = synth::difficulty_names();
  require(std::find(levels.begin(), levels.end(), difficulty) != levels.end(), "difficulty", difficulty,
          "easy, medium or hard");
  require(train >= 0 && train <= 10'000'000, "train", train, "between 0 and 10000000 videos");
  require(validation >= 0 && validation <= 10'000'000, "validation", validation, "between 0 and 10000000 videos");
  require(train + validation > 0, "train", train, "above 0 when validation is 0 too");
  require(even(width), "width", width, "an even number of pixels between 16 and 4096");
  require(even(height), "height", height, "an even number of pixels between 16 and 4096");
  require(min_frames >= 2 && min_frames <= max_frames, "min_frames", min_frames, "between 2 and max_frames");
  require(max_frames <= 10'000, "max_frames", max_frames, "at most 10000");
  require(fps > 0 && fps <= 1000, "fps", fps, "above 0 and at most 1000 frames per second");
  require(workers >= 1 && workers <= 256, "workers", workers, "between 1 and 256");
}

std::string SynthOptions::chosen_codec() const { return codec.empty() ? own_codec(format) : codec; }

SynthReport synthesize(const fs::path& out, const SynthOptions& options,
                       const std::function<void(std::int64_t, std::int64_t)>& progress) {
  options.check();
  const auto began = std::chrono::steady_clock::now();
  synth::check_codec(options.chosen_codec(), video::writable_codecs());
  claim(out, identity(options));
  const std::vector<synth::Clip> clips = synth::plan(options);
  for (const char* folder : {"20bn-something-something-v2", "train", "val"}) {
    if ((options.format == "ssv2") != (folder[0] == '2')) continue;
    make_folders(out / folder);
    remove_partial_files(out / folder);
  }
  std::vector<synth::Caption> captions(clips.size());
  const auto total = static_cast<std::int64_t>(clips.size());
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> kept{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;  // of `failure` and `done`
  std::exception_ptr failure;
  std::int64_t done = 0;
  const auto work = [&] {
    std::vector<std::uint8_t> frames;
    for (std::size_t i; !stop && (i = next++) < clips.size();) {
      try {
        std::error_code missing;
        const auto bytes = fs::file_size(out / clips[i].path, missing);
        const bool exists = !missing && bytes > 0;
        captions[i] =
            exists ? synth::describe(options, clips[i]) : make_video(out / clips[i].path, options, clips[i], frames);
        kept += exists ? 1 : 0;
        const std::lock_guard lock(mutex);
        ++done;
        if (progress) progress(done, total);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        stop = true;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i < options.workers; ++i) threads.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
  synth::write_index(out, options, clips, captions);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return {.written = total - kept,
          .kept = kept,
          .classes = static_cast<std::int64_t>(synth::motion_classes().size()),
          .seconds = took.count()};
}

}  // namespace trecvit
