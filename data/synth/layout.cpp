#include "data/synth/layout.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "core/file.h"

namespace trecvit::synth {
namespace {

using Json = nlohmann::ordered_json;

// 11 characters as YouTube's: six random ones, then the clip's number, so that no two are alike.
std::string youtube_id(std::int64_t number, Rng& rng) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string id;
  for (int i = 0; i < 6; ++i) id += kAlphabet[rng.below(64)];
  for (int shift = 24; shift >= 0; shift -= 6) id += kAlphabet[(number >> shift) & 63];
  return id;
}

constexpr std::int64_t kKineticsSeconds = 10;  // Kinetics cuts all its clips to this length

void plan_split(const SynthOptions& options, bool training, std::vector<Clip>& clips) {
  const std::int64_t count = training ? options.train : options.validation;
  const auto classes = static_cast<std::int64_t>(motion_classes().size());
  // Apart, so that the classes do not depend on the format.
  Rng rng(options.seed, stream_id(training ? "synth.plan.train" : "synth.plan.validation"));
  Rng names(options.seed, stream_id(training ? "synth.names.train" : "synth.names.validation"));
  const std::string suffix = options.chosen_codec() == "vp9" ? ".webm" : ".mp4";
  std::vector<std::size_t> round(static_cast<std::size_t>(classes));
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % classes == 0) {
      std::iota(round.begin(), round.end(), std::size_t{0});
      for (std::int64_t k = classes - 1; k > 0; --k) {
        std::swap(round[static_cast<std::size_t>(k)], round[static_cast<std::size_t>(rng.below(k + 1))]);
      }
    }
    Clip clip;
    clip.number = static_cast<std::int64_t>(clips.size());
    clip.training = training;
    clip.motion_class = round[static_cast<std::size_t>(i % classes)];
    if (options.format == "ssv2") {
      clip.id = text(clip.number + 1);
      clip.path = std::filesystem::path("20bn-something-something-v2") / (clip.id + suffix);
    } else {
      clip.id = youtube_id(clip.number, names);
      clip.start_s = names.below(300);
      char times[48];
      std::snprintf(times, sizeof times, "_%06lld_%06lld", static_cast<long long>(clip.start_s),
                    static_cast<long long>(clip.start_s + kKineticsSeconds));
      clip.path = std::filesystem::path(training ? "train" : "val") / (clip.id + times + suffix);
    }
    clips.push_back(std::move(clip));
  }
}

// "Moving [something] up" -> "Moving something up"
std::string without_brackets(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (c != '[' && c != ']') plain += c;
  }
  return plain;
}

// The template in lower case, filled in.
std::string fill(const std::string& pattern, const std::string& filling) {
  const auto open = pattern.find('['), close = pattern.find(']');
  std::string filled = pattern.substr(0, open) + filling + pattern.substr(close + 1);
  filled[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(filled[0])));
  return filled;
}

void write_ssv2(const std::filesystem::path& out, const std::vector<Clip>& clips,
                const std::vector<Caption>& captions) {
  const auto classes = motion_classes();
  Json labels = Json::object(), train = Json::array(), validation = Json::array();
  for (std::size_t i = 0; i < classes.size(); ++i) labels[without_brackets(classes[i].ssv2_template)] = text(i);
  for (const Clip& clip : clips) {
    const MotionClass& motion = classes[clip.motion_class];
    const Caption& caption = captions[static_cast<std::size_t>(clip.number)];
    const std::string& filling = motion.motion == Motion::kSquareThenCircle ? caption.surface : caption.object;
    (clip.training ? train : validation)
        .push_back({{"id", clip.id},
                    {"label", fill(motion.ssv2_template, filling)},
                    {"template", motion.ssv2_template},
                    {"placeholders", Json::array({filling})}});
  }
  make_folders(out / "labels");
  write_file(out / "labels" / "train.json", train.dump(0));
  write_file(out / "labels" / "validation.json", validation.dump(0));
  write_file(out / "labels" / "test.json", "[]");
  write_file(out / "labels" / "labels.json", labels.dump(0));
}

void write_kinetics(const std::filesystem::path& out, const std::vector<Clip>& clips) {
  const std::string header = "label,youtube_id,time_start,time_end,split,is_cc\n";
  std::string train = header, validation = header;
  for (const Clip& clip : clips) {
    (clip.training ? train : validation) +=
        text(motion_classes()[clip.motion_class].kinetics_label, ",", clip.id, ",", clip.start_s, ",",
             clip.start_s + kKineticsSeconds, ",", clip.training ? "train" : "val", ",0\n");
  }
  make_folders(out / "annotations");
  write_file(out / "annotations" / "train.csv", train);
  write_file(out / "annotations" / "val.csv", validation);
  write_file(out / "annotations" / "test.csv", header);
}

}  // namespace

std::vector<Clip> plan(const SynthOptions& options) {
  std::vector<Clip> clips;
  plan_split(options, true, clips);
  plan_split(options, false, clips);
  return clips;
}

void check_codec(const std::string& codec, const std::vector<std::string>& writable) {
  if (std::find(writable.begin(), writable.end(), codec) != writable.end()) return;
  std::string others;
  for (const char* other : {"vp9", "h264", "mpeg4"}) {
    if (std::find(writable.begin(), writable.end(), other) == writable.end()) continue;
    others += text(others.empty() ? "" : " or ", "--codec ", other);
  }
  throw Error("FFmpeg on this machine cannot encode ", codec,
              others.empty() ? ", nor h264 or mpeg4, and a set needs one of them" : "; give " + others);
}

void write_index(const std::filesystem::path& out, const SynthOptions& options, const std::vector<Clip>& clips,
                 const std::vector<Caption>& captions) {
  if (options.format == "ssv2") {
    write_ssv2(out, clips, captions);
  } else {
    write_kinetics(out, clips);
  }
}

}  // namespace trecvit::synth
