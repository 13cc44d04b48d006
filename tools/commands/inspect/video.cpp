#include <algorithm>
#include <charconv>
#include <memory>

#include "core/array.h"
#include "core/file.h"
#include "data/loader/clip_reader.h"
#include "data/video/rgb.h"
#include "data/video/decoder.h"
#include "data/video/picture_file.h"
#include "formats/npy.h"
#include "tools/cli/config_options.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  ConfigOptions config;
  std::string file, clip, frames, out;
  std::int64_t size = 224;
  double fps = 0, deadline_s = 30;
  bool augment = false;
  bool json = false;
};

std::int64_t whole_number(const std::string& word, const char* option, const char* example) {
  std::int64_t value = -1;
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failure != std::errc() || end != word.data() + word.size() || value < 0)
    throw UsageError(option, ": '", word, "' is not a whole number; it must look like ", example);
  return value;
}

// "dense:16x2" or "uniform:16".
Sampling parse_clip(const std::string& spec) {
  constexpr const char* kExample = "dense:16x2 (16 frames, every 2nd) or uniform:16";
  const auto colon = spec.find(':');
  const std::string kind = spec.substr(0, colon), numbers = colon == std::string::npos ? "" : spec.substr(colon + 1);
  if (kind != "dense" && kind != "uniform") throw UsageError("--clip ", spec, " must look like ", kExample);
  Sampling sampling{.uniform = kind == "uniform"};
  const auto cross = numbers.find('x');
  sampling.frames = whole_number(numbers.substr(0, cross), "--clip", kExample);
  sampling.stride = cross == std::string::npos ? 1 : whole_number(numbers.substr(cross + 1), "--clip", kExample);
  if (sampling.frames < 1 || sampling.frames > 4096 || sampling.stride < 1 || sampling.stride > 1024)
    throw UsageError("--clip ", spec, " is out of range; it takes 1..4096 frames and a stride of 1..1024");
  return sampling;
}

std::vector<std::int64_t> parse_frames(const std::string& list) {
  std::vector<std::int64_t> numbers;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    numbers.push_back(whole_number(list.substr(begin, end - begin), "--frames", "0,5,9"));
    begin = end + 1;
  }
  return numbers;
}

// The loader's clip: [T, size, size, 3] uint8.
Array take_clip(const Options& options) {
  const Config config = options.config.read().config;
  AugmentConfig augment = config.augment;
  augment.check();
  augment.repeats = 1;  // one is looked at
  Sampling sampling = parse_clip(options.clip);
  sampling.fps = options.fps;
  ClipReader reader({.sampling = sampling,
                     .size = options.size,
                     .deadline_s = options.deadline_s,
                     .training = options.augment,
                     .augment = augment,
                     .seed = static_cast<std::uint64_t>(config.seed)});
  std::byte* pixels = nullptr;
  Array array = allocate_array(Dtype::kU8, {sampling.frames, options.size, options.size, 3}, &pixels);
  reader.read({.id = options.file, .path = options.file}, /*epoch=*/0, /*number=*/0,
              {.pixels = reinterpret_cast<std::uint8_t*>(pixels),
               .frame_step = static_cast<std::size_t>(options.size * options.size * 3)});
  return array;
}

// Whole frames as decoded: [F, height, width, 3] uint8.
Array take_frames(video::Decoder& decoder, const Options& options) {
  const std::vector<std::int64_t> numbers = parse_frames(options.frames);
  std::byte* pixels = nullptr;
  Array array;
  std::int64_t width = 0, height = 0;
  decoder.decode(numbers, [&](std::size_t k, const video::Frame& frame) {
    if (!pixels) {
      width = frame.width;
      height = frame.height;
      array = allocate_array(Dtype::kU8, {static_cast<std::int64_t>(numbers.size()), height, width, 3}, &pixels);
    }
    // A stream that changes its size is brought to that of its first wanted frame.
    const auto bytes = static_cast<std::size_t>(height * width * 3);
    video::convert(frame, video::whole(frame), static_cast<int>(width), static_cast<int>(height),
                   reinterpret_cast<std::uint8_t*>(pixels) + k * bytes);
  });
  return array;
}

// All frames in rows of one picture, as square as it gets.
void write_sheet(const std::string& path, const Array& frames) {
  const auto count = static_cast<std::size_t>(frames.shape[0]);
  const auto height = static_cast<std::size_t>(frames.shape[1]), width = static_cast<std::size_t>(frames.shape[2]);
  std::size_t across = 1;
  while (across * across < count) ++across;
  const std::size_t down = (count + across - 1) / across;
  std::vector<std::uint8_t> sheet(down * height * across * width * 3, 0);
  for (std::size_t k = 0; k < count; ++k) {
    for (std::size_t y = 0; y < height; ++y) {
      const std::uint8_t* row = frames.as<std::uint8_t>() + (k * height + y) * width * 3;
      std::copy_n(row, width * 3, &sheet[(((k / across) * height + y) * across + k % across) * width * 3]);
    }
  }
  video::write_picture(path, sheet, static_cast<int>(across * width), static_cast<int>(down * height));
}

ExitCode run(const Options& options) {
  if (!options.clip.empty() && !options.frames.empty())
    throw UsageError("--clip and --frames cannot be given together");
  if (options.augment && options.clip.empty()) throw UsageError("--augment changes a clip; --clip must say which");
  const bool wants_pixels = !options.clip.empty() || !options.frames.empty();
  if (wants_pixels != !options.out.empty())
    throw UsageError(wants_pixels ? "--out is missing; it must name a .npy, .png or .jpg file"
                                  : "--out needs --clip or --frames to say which pixels");
  if (options.size < 8 || options.size > 2048) throw UsageError("--size is ", options.size, "; it must be 8..2048");
  const std::string suffix = std::filesystem::path(options.out).extension().string();
  if (wants_pixels && suffix != ".npy" && suffix != ".png" && suffix != ".jpg")
    throw UsageError("--out ", options.out, " must end in .npy, .png or .jpg");
  if (wants_pixels) check_output_file(options.out);

  video::Decoder decoder(options.file, {.deadline_s = options.deadline_s});
  decoder.times();
  const video::VideoInfo info = decoder.info();
  Array pixels;
  if (wants_pixels) {
    pixels = options.clip.empty() ? take_frames(decoder, options) : take_clip(options);
    if (suffix == ".npy") {
      write_npy(options.out, pixels);
    } else {
      write_sheet(options.out, pixels);
    }
  }
  if (options.json) {
    Json line{{"file", options.file},   {"codec", info.codec},       {"width", info.width},
              {"height", info.height},  {"rotation", info.rotation}, {"mirrored", info.mirrored},
              {"frames", info.frames},  {"fps", info.fps},           {"duration_s", info.duration_s},
              {"pix_fmt", info.pix_fmt}};
    if (wants_pixels) {
      line["out"] = options.out;
      line["shape"] = pixels.shape;
    }
    print_json(line);
    return ExitCode::kDone;
  }
  print(text_table({{"file", options.file},
               {"codec", info.codec},
               {"picture", text(info.width, " x ", info.height, ", ", info.pix_fmt)},
               {"rotation", text(info.rotation, " degrees clockwise", info.mirrored ? ", then mirrored" : "")},
               {"frames", text(info.frames)},
               {"rate", fixed(info.fps, 3) + " frames/s"},
               {"duration", fixed(info.duration_s, 3) + " s"}}));
  if (wants_pixels) print(text_table({{"wrote  ", text(options.out, " ", shape_text(pixels.shape))}}));
  return ExitCode::kDone;
}

}  // namespace

void add_inspect_video(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(group, context, "video", "codec, size, frames and rate of a video; its pixels as a model sees them",
               [options] { return run(*options); });
  verb.add_option("FILE", options->file, "video")->required();
  verb.add_option("--clip", options->clip, "dense:16x2 or uniform:16: the centre clip and crop of evaluation");
  verb.add_option("--fps", options->fps, "--clip counts so many frames a second; 0: the frames that there are")
      ->check(CLI::Range(0.0, 1000.0));
  verb.add_flag("--augment", options->augment,
                "a clip as training might see it: drawn by --seed, changed as the section `augment` says");
  options->config.add_to(verb);
  verb.add_option("--frames", options->frames, "0,5,9: whole frames by number, in their own size");
  verb.add_option("--size", options->size, "side of the pictures of --clip, pixels");
  verb.add_option("--out", options->out,
                  "x.npy: uint8 [frames, height, width, 3] | x.png, x.jpg: all frames in one picture");
  verb.add_option("--deadline", options->deadline_s, "longest time for one step, seconds")->check(CLI::PositiveNumber);
  verb.add_flag("--json", options->json, "as JSON: codec width height rotation mirrored frames fps duration_s pix_fmt");
}

}  // namespace trecvit::tools
