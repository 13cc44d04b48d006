#include "data/datasets/check.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "core/config.h"
#include "core/error.h"
#include "core/file.h"
#include "core/folder.h"
#include "core/rng.h"
#include "data/datasets/official.h"
#include "data/datasets/parallel.h"
#include "data/video/decoder.h"
#include "data/video/frame_folder.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;

struct Finding {
  bool found = false;
  ProblemKind kind = ProblemKind::kMissing;
  std::string sentence;
  std::int64_t frames = -1;       // full
  std::uint64_t fingerprint = 0;  // full: of the file's bytes; 0 of a part of a file
};

Finding problem(ProblemKind kind, std::string sentence) {
  return {.found = true, .kind = kind, .sentence = std::move(sentence)};
}

// look_at() finds nothing else that leaves a video usable.
bool ends_badly(ProblemKind kind) { return kind != ProblemKind::kTooShort; }

// Decodes every frame of `source`, a Decoder or a FrameFolder. Error: one is damaged.
template <class Source>
void decode_all(Source& source, std::int64_t frames) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(frames));
  std::iota(numbers.begin(), numbers.end(), 0);
  source.decode(numbers, [](std::size_t, const video::Frame&) {});
}

std::uint64_t fingerprint(const fs::path& path) {
  const MappedFile file = map_file(path);
  return stream_id({reinterpret_cast<const char*>(file.data.get()), file.size});
}

Finding look_at_folder(const Sample& sample, const CheckOptions& options) {
  const std::string path = sample.path.string();
  if (!path_exists(sample.path)) return problem(ProblemKind::kMissing, text(path, " does not exist"));
  ProblemKind stage = ProblemKind::kUnreadable;
  try {
    video::FrameFolder folder(sample.path, options.deadline_s);
    stage = ProblemKind::kDamaged;
    folder.expect(sample.frames);
    if (!options.full) return {};
    decode_all(folder, sample.frames);
  } catch (const Error& error) {
    return problem(stage, error.what());
  }
  return {.frames = sample.frames};
}

Finding look_at_video(const Sample& sample, const CheckOptions& options) {
  const std::string path = sample.path.string();
  std::error_code failed;
  const fs::file_status status = fs::status(sample.path, failed);
  if (!fs::exists(status)) return problem(ProblemKind::kMissing, text(path, " does not exist"));
  if (fs::is_directory(status)) return problem(ProblemKind::kUnreadable, text(path, " is a folder, not a video"));
  if (fs::file_size(sample.path, failed) == 0) return problem(ProblemKind::kEmpty, text(path, " has no bytes"));
  ProblemKind stage = ProblemKind::kUnreadable;
  try {
    video::Decoder decoder(path, {.deadline_s = options.deadline_s});
    if (!options.full) return {};
    stage = ProblemKind::kDamaged;
    const auto frames = std::ssize(decoder.times());
    if (frames == 0) return problem(stage, text("video ", path, " has no frame that can be decoded"));
    // decode() minds damage that codecs conceal, next() minds a file that ends too early.
    decode_all(decoder, frames);
    decoder.rewind();
    while (decoder.next()) {
    }
    // Containers cut off between two packets read as whole files; their headers still tell how long they were.
    const video::VideoInfo& info = decoder.info();
    const double frame_s = info.fps > 0 ? 1 / info.fps : 0, end_s = decoder.times().back() + frame_s;
    if (end_s < 0.9 * info.duration_s - 2 * frame_s) {
      return problem(stage, text("video ", path, " ends after ", end_s, " s, though it says that it lasts ",
                                 info.duration_s, " s; it may be cut off"));
    }
    const bool whole = sample.start_s < 0 && sample.end_s < 0;
    return {.frames = frames, .fingerprint = whole ? fingerprint(sample.path) : 0};
  } catch (const Error& error) {
    return problem(stage, error.what());
  }
}

Finding look_at(const Sample& sample, const CheckOptions& options) {
  Finding finding = sample.frames > 0 ? look_at_folder(sample, options) : look_at_video(sample, options);
  if (!finding.found && options.full && finding.frames < options.min_frames) {
    finding.found = true;
    finding.kind = ProblemKind::kTooShort;
    finding.sentence =
        text("video ", sample.path.string(), " has ", finding.frames, " frames, fewer than ", options.min_frames);
  }
  return finding;
}

void add_problem(CheckReport& report, const Dataset& dataset, std::size_t i, ProblemKind kind, std::string sentence) {
  const Sample& sample = dataset.samples[i];
  report.problems.push_back({static_cast<std::int64_t>(i), sample.id, sample.path, kind, std::move(sentence)});
}

// A sample's source: a file, or a part of one.
std::string part_of(const Sample& sample) {
  return sample.path.string() + "\n" + config_text(sample.start_s) + "\n" + config_text(sample.end_s);
}

void find_duplicates(const Dataset& dataset, CheckReport& report) {
  std::map<std::string, std::size_t> ids, parts;
  std::map<std::uint64_t, std::size_t> contents;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    const auto [same_id, new_id] = ids.emplace(sample.id, i);
    const auto [same_part, new_part] = parts.emplace(part_of(sample), i);
    if (!new_id) {
      add_problem(report, dataset, i, ProblemKind::kDuplicate, text("the id ", sample.id, " is listed twice"));
    } else if (!new_part) {
      add_problem(report, dataset, i, ProblemKind::kDuplicate, text(sample.path.string(), " is listed twice"));
    } else if (report.fingerprints[i] != 0) {
      const auto [same, first] = contents.emplace(report.fingerprints[i], i);
      if (first) continue;
      add_problem(report, dataset, i, ProblemKind::kDuplicate,
                  text(sample.path.string(), " has the same content as ", dataset.samples[same->second].path.string()));
    }
  }
}

void sort_problems(CheckReport& report) {
  std::stable_sort(report.problems.begin(), report.problems.end(),
                   [](const Problem& a, const Problem& b) { return a.sample < b.sample; });
}

void look_at_classes(const Dataset& dataset, CheckReport& report) {
  report.classes = count_classes(dataset);
  // A set without labels is meant so; a video without one among others is not.
  if (report.classes.unlabelled < report.videos) {
    for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
      const std::int64_t label = dataset.samples[i].label;
      if (label >= 0 && label < std::ssize(dataset.labels)) continue;
      add_problem(report, dataset, i, ProblemKind::kUnlabelled,
                  text("video ", dataset.samples[i].id, " has no label, though others of its split have"));
    }
  }
  const std::vector<std::int64_t>& videos = report.classes.videos;
  for (std::size_t c = 0; c < videos.size(); ++c) {
    if (videos[c] == 0) report.empty_classes.push_back(static_cast<std::int64_t>(c));
  }
}

}  // namespace

const char* problem_name(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kMissing:
      return "missing";
    case ProblemKind::kEmpty:
      return "empty";
    case ProblemKind::kUnreadable:
      return "unreadable";
    case ProblemKind::kDamaged:
      return "damaged";
    case ProblemKind::kTooShort:
      return "too short";
    case ProblemKind::kDuplicate:
      return "duplicate";
    case ProblemKind::kUnlabelled:
      return "unlabelled";
    case ProblemKind::kShared:
      return "shared";
  }
  return "unknown";
}

CheckReport check_dataset(const Dataset& dataset, const CheckOptions& options,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
  std::vector<Finding> findings(dataset.samples.size());
  const auto total = std::ssize(findings);
  datasets::for_each_index(
      total, options.workers, [&](std::size_t i) { findings[i] = look_at(dataset.samples[i], options); }, progress);

  CheckReport report;
  report.videos = total;
  report.official = official_videos(dataset);
  for (std::size_t i = 0; i < findings.size(); ++i) {
    Finding& finding = findings[i];
    report.fingerprints.push_back(finding.fingerprint);
    if (finding.found) add_problem(report, dataset, i, finding.kind, std::move(finding.sentence));
    if (finding.found && ends_badly(finding.kind)) continue;
    ++report.usable;
    if (finding.frames < 0) continue;
    report.frames += finding.frames;
    report.fewest_frames = report.fewest_frames == 0 ? finding.frames : std::min(report.fewest_frames, finding.frames);
    report.most_frames = std::max(report.most_frames, finding.frames);
  }
  find_duplicates(dataset, report);
  look_at_classes(dataset, report);
  sort_problems(report);
  return report;
}

std::int64_t count_shared(const Dataset& other, const Dataset& dataset) {
  std::set<std::string> parts;
  for (const Sample& sample : other.samples) parts.insert(part_of(sample));
  return std::count_if(dataset.samples.begin(), dataset.samples.end(),
                       [&](const Sample& sample) { return parts.contains(part_of(sample)); });
}

void find_shared(const Dataset& other, const CheckReport& of_other, const Dataset& dataset, CheckReport& report) {
  std::map<std::string, std::size_t> parts;
  std::map<std::uint64_t, std::size_t> contents;
  for (std::size_t i = 0; i < other.samples.size(); ++i) {
    parts.emplace(part_of(other.samples[i]), i);
    if (of_other.fingerprints[i] != 0) contents.emplace(of_other.fingerprints[i], i);
  }
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const std::string path = dataset.samples[i].path.string();
    if (parts.count(part_of(dataset.samples[i])) > 0) {
      add_problem(report, dataset, i, ProblemKind::kShared, text(path, " is in the split ", other.split, " too"));
    } else if (const auto same = contents.find(report.fingerprints[i]); same != contents.end()) {
      add_problem(report, dataset, i, ProblemKind::kShared,
                  text(path, " has the same content as ", other.samples[same->second].path.string(), " of the split ",
                       other.split));
    }
  }
  sort_problems(report);
}

}  // namespace trecvit
