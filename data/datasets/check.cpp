#include "data/datasets/check.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "core/config.h"
#include "core/error.h"
#include "core/file.h"
#include "core/rng.h"
#include "data/video/decoder.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;

// Official number of videos. Something-Something: its paper's site; Kinetics-400, UCF101, HMDB51: their annotation
// files.
struct Official {
  const char* format;
  std::size_t classes;
  const char* split;
  std::int64_t videos;
};
constexpr Official kOfficial[] = {
    {"ssv2", 174, "train", 168913},     {"ssv2", 174, "validation", 24777},     {"ssv2", 174, "test", 27157},
    {"kinetics", 400, "train", 246535}, {"kinetics", 400, "validation", 19907}, {"kinetics", 400, "test", 38686},
    {"ucf101", 101, "train", 9537},     {"ucf101", 101, "test", 3783},          {"ucf101", 101, "validation", 3783},
    {"hmdb51", 51, "train", 3570},      {"hmdb51", 51, "test", 1530},           {"hmdb51", 51, "validation", 1530},
};

struct Finding {
  bool found = false;
  ProblemKind kind = ProblemKind::kMissing;
  std::string sentence;
  std::int64_t frames = -1;       // full
  std::uint64_t fingerprint = 0;  // full: of the file's bytes
};

Finding problem(ProblemKind kind, std::string sentence) {
  return {.found = true, .kind = kind, .sentence = std::move(sentence)};
}

bool ends_badly(ProblemKind kind) { return kind != ProblemKind::kTooShort && kind != ProblemKind::kDuplicate; }

std::uint64_t fingerprint(const fs::path& path) {
  const MappedFile file = map_file(path);
  return stream_id({reinterpret_cast<const char*>(file.data.get()), file.size});
}

Finding look_at(const Sample& sample, const CheckOptions& options) {
  const std::string path = sample.path.string();
  std::error_code failed;
  const fs::file_status status = fs::status(sample.path, failed);
  if (!fs::exists(status)) return problem(ProblemKind::kMissing, text(path, " does not exist"));
  if (fs::is_directory(status)) return problem(ProblemKind::kUnreadable, text(path, " is a folder, not a video"));
  if (fs::file_size(sample.path, failed) == 0) return problem(ProblemKind::kEmpty, text(path, " has no bytes"));
  Finding finding;
  ProblemKind stage = ProblemKind::kUnreadable;
  try {
    video::Decoder decoder(path, {.deadline_s = options.deadline_s});
    if (!options.full) return finding;
    stage = ProblemKind::kDamaged;
    const auto expected = std::ssize(decoder.times());
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(expected));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
    if (numbers.empty())
      return problem(ProblemKind::kDamaged, text("video ", path, " has no frame that can be decoded"));
    // decode() minds damage that codecs conceal, next() minds a file that ends too early.
    decoder.decode(numbers, [](std::size_t, const video::Frame&) {});
    decoder.rewind();
    while (decoder.next()) {
    }
    // Containers cut off between two packets read as whole files; their headers still tell how long they were.
    const video::VideoInfo& info = decoder.info();
    const double frame_s = info.fps > 0 ? 1 / info.fps : 0, end_s = decoder.times().back() + frame_s;
    if (end_s < 0.9 * info.duration_s - 2 * frame_s) {
      return problem(ProblemKind::kDamaged,
                     text("video ", path, " ends after ", end_s, " s, though it says that it lasts ", info.duration_s,
                          " s; it may be cut off"));
    }
    finding.frames = expected;
    finding.fingerprint = fingerprint(sample.path);
  } catch (const Error& error) {
    return problem(stage, error.what());
  }
  if (finding.frames < options.min_frames) {
    finding.found = true;
    finding.kind = ProblemKind::kTooShort;
    finding.sentence = text("video ", path, " has ", finding.frames, " frames, fewer than ", options.min_frames);
  }
  return finding;
}

void add_problem(CheckReport& report, const Dataset& dataset, std::size_t i, ProblemKind kind, std::string sentence) {
  const Sample& sample = dataset.samples[i];
  report.problems.push_back({static_cast<std::int64_t>(i), sample.id, sample.path, kind, std::move(sentence)});
}

void find_duplicates(const Dataset& dataset, const std::vector<Finding>& findings, CheckReport& report) {
  std::map<std::string, std::size_t> ids, parts;
  std::map<std::uint64_t, std::size_t> contents;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    const std::string part = text(sample.path.string(), "\n", sample.start_s, "\n", sample.end_s);
    const auto [same_id, new_id] = ids.emplace(sample.id, i);
    const auto [same_part, new_part] = parts.emplace(part, i);
    if (!new_id) {
      add_problem(report, dataset, i, ProblemKind::kDuplicate, text("the id ", sample.id, " is listed twice"));
    } else if (!new_part) {
      add_problem(report, dataset, i, ProblemKind::kDuplicate, text(sample.path.string(), " is listed twice"));
    } else if (findings[i].fingerprint != 0 && sample.start_s < 0 && sample.end_s < 0) {
      const auto [same, first] = contents.emplace(findings[i].fingerprint, i);
      if (first) continue;
      add_problem(report, dataset, i, ProblemKind::kDuplicate,
                  text(sample.path.string(), " has the same content as ", dataset.samples[same->second].path.string()));
    }
  }
}

void count_classes(const Dataset& dataset, CheckReport& report) {
  report.class_counts.assign(dataset.labels.size(), 0);
  for (const Sample& sample : dataset.samples) {
    const bool known = sample.label >= 0 && sample.label < std::ssize(dataset.labels);
    (known ? report.class_counts[static_cast<std::size_t>(sample.label)] : report.unlabelled) += 1;
  }
  if (report.class_counts.empty()) return;
  const auto [least, most] = std::minmax_element(report.class_counts.begin(), report.class_counts.end());
  report.smallest_class = *least;
  report.largest_class = *most;
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
  }
  return "unknown";
}

CheckReport check_dataset(const Dataset& dataset, const CheckOptions& options,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
  require(options.workers >= 1 && options.workers <= 256, "workers", options.workers, "between 1 and 256");
  const auto total = std::ssize(dataset.samples);
  std::vector<Finding> findings(dataset.samples.size());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;  // of `done` and `failure`
  std::int64_t done = 0;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (std::size_t i; (i = next++) < findings.size();) {
        findings[i] = look_at(dataset.samples[i], options);
        const std::lock_guard lock(mutex);
        ++done;
        if (progress) progress(done, total);
      }
    } catch (...) {
      next = findings.size();
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i < options.workers; ++i) threads.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);

  CheckReport report;
  report.videos = total;
  for (const Official& official : kOfficial) {
    if (dataset.format == official.format && dataset.labels.size() == official.classes &&
        dataset.split == official.split) {
      report.official = official.videos;
    }
  }
  for (std::size_t i = 0; i < findings.size(); ++i) {
    Finding& finding = findings[i];
    if (finding.found) add_problem(report, dataset, i, finding.kind, std::move(finding.sentence));
    if (finding.found && ends_badly(finding.kind)) continue;
    ++report.usable;
    if (finding.frames < 0) continue;
    report.frames += finding.frames;
    report.fewest_frames = report.fewest_frames == 0 ? finding.frames : std::min(report.fewest_frames, finding.frames);
    report.most_frames = std::max(report.most_frames, finding.frames);
  }
  find_duplicates(dataset, findings, report);
  std::stable_sort(report.problems.begin(), report.problems.end(),
                   [](const Problem& a, const Problem& b) { return a.sample < b.sample; });
  count_classes(dataset, report);
  return report;
}

}  // namespace trecvit
