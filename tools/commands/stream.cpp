#include <algorithm>
#include <memory>

#include "core/file.h"
#include "core/clock.h"
#include "core/log.h"
#include "infer/evaluate.h"
#include "infer/streamer.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/model_options.h"
#include "tools/cli/output.h"
#include "tools/cli/sources.h"
#include "data/video/feed.h"
#include "infer/stream_lines.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  ModelOptions model;
  video::FeedOptions feed;
  std::int64_t stride = 0;
  std::string jsonl, policy;
  std::int64_t topk = 5;
  double threshold = 0, reset_s = 0;
  bool smooth = true;
  bool json = false;
  bool graph = true;
};

// Lines go to standard output ("-"), to a file, or nowhere.
class LineSink {
 public:
  explicit LineSink(const std::string& where) : stdout_(where == "-") {
    if (!stdout_ && !where.empty()) file_ = std::make_unique<LineLog>(where);
  }
  void operator()(const std::string& line) {
    if (file_) file_->line(line);
    if (!stdout_) return;
    buffer_.assign(line);
    buffer_ += '\n';
    print(buffer_);  // one write per line, so that a reader sees each frame at once
  }

 private:
  bool stdout_;
  std::unique_ptr<LineLog> file_;
  std::string buffer_;
};

// Says when the leading class changes.
class Events {
 public:
  Events(const Options& options, const std::vector<std::string>& labels) : options_(options), labels_(labels) {}

  // True once per reset interval of the stream's own time.
  bool reset_due(double pts_s) {
    if (options_.reset_s <= 0) return false;
    if (!begun_) since_ = pts_s;
    begun_ = true;
    if (pts_s - since_ < options_.reset_s) return false;
    since_ = pts_s;
    leading_ = -1;
    return true;
  }

  bool label_changed(const StreamAnswer& answer, double pts_s) {
    const std::span<const float> p = options_.smooth ? answer.mean_probabilities : answer.frame_probabilities;
    const auto best = std::max_element(p.begin(), p.end());
    const std::int64_t id = best - p.begin();
    if (id == leading_ || static_cast<double>(*best) < options_.threshold) return false;
    leading_ = id;
    const std::string said = text(fixed(pts_s, 2), " s: ", labels_[static_cast<std::size_t>(id)], " (",
                                  fixed(static_cast<double>(*best), 3), ")");
    options_.json || !options_.jsonl.empty() ? log_debug(said) : log_info(said);
    return true;
  }

 private:
  const Options& options_;
  const std::vector<std::string>& labels_;
  double since_ = 0;  // of the stream's time; the last reset
  bool begun_ = false;
  std::int64_t leading_ = -1;
};

video::FeedOptions feed_of(const Options& options, const Model& model) {
  video::FeedOptions feed = options.feed;
  feed.pace = frame_pace(model, options.stride);
  const bool live = is_url(feed.source) && !feed.source.starts_with("file:");
  if (!options.policy.empty() && options.policy != "latest" && options.policy != "all")
    throw UsageError("--policy is ", options.policy, "; it must be latest or all");
  feed.latest = options.policy.empty() ? live : options.policy == "latest";
  return feed;
}

// Null when it ends or when the program is asked to stop while it waits.
const video::Frame* next_frame(video::Feed& feed, const std::atomic<bool>& stop) {
  try {
    return feed.next();
  } catch (const Error&) {
    if (stop) return nullptr;
    throw;
  }
}

std::unique_ptr<video::Feed> open_unless_stopped(video::FeedOptions options, const std::atomic<bool>& stop) {
  options.stop = [&stop] { return stop.load(); };
  try {
    return video::open_feed(options);
  } catch (const UsageError&) {
    throw;
  } catch (const Error&) {
    if (stop) return nullptr;
    throw;
  }
}

ExitCode run(const Options& options) {
  const std::atomic<bool>& stop = stop_on_signals();
  const std::unique_ptr<Model> model = options.model.load();
  const std::unique_ptr<video::Feed> feed = open_unless_stopped(feed_of(options, *model), stop);
  if (!feed) return ExitCode::kInterrupted;
  Streamer streamer(*model, options.graph);
  StreamLines lines(options.feed.source, model->labels, options.topk);
  LineSink sink(options.json ? "-" : options.jsonl);
  Events events(options, model->labels);
  Progress progress("frames", 0);
  std::int64_t frames = 0;
  const double started = now_s();
  double before = started;
  while (!stop) {
    const video::Frame* frame = next_frame(*feed, stop);
    if (!frame) break;
    const double decoded = now_s();
    const bool reset = events.reset_due(frame->pts_s);
    if (reset) streamer.reset();
    const StreamAnswer& answer = streamer.push(*frame);
    const double done = now_s();
    for (const auto& p : {answer.frame_probabilities, answer.mean_probabilities})
      check_probabilities(p, text("frame ", frame->number, " of ", options.feed.source));
    const bool changed = events.label_changed(answer, frame->pts_s);
    sink(lines.frame({.frame = frame->number,
                      .pts_s = frame->pts_s,
                      .decode_ms = 1e3 * (decoded - before),
                      .preprocess_ms = answer.preprocess_ms,
                      .model_ms = answer.model_ms,
                      .total_ms = 1e3 * (done - before),
                      .frame_probabilities = answer.frame_probabilities,
                      .mean_probabilities = answer.mean_probabilities,
                      .dropped = feed->dropped(),
                      .event = reset     ? "reset"
                               : changed ? "label"
                                         : nullptr}));
    progress.update(++frames);
    before = now_s();
  }
  progress.finish();
  if (frames == 0 && !stop) throw Error(options.feed.source, " has no frame that can be decoded");
  const double seconds = now_s() - started;
  if (frames > 0) {
    sink(lines.summary(seconds));
    const Ranked best = top(streamer.last().mean_probabilities, 1).front();
    log_info(text(frames, " frames in ", fixed(seconds, 1), " s (", fixed(static_cast<double>(frames) / seconds, 1),
                  " frames/s), ", feed->dropped(), " dropped; ", model->labels[static_cast<std::size_t>(best.id)], " (",
                  fixed(static_cast<double>(best.p), 3), ")"));
  }
  return stop ? ExitCode::kInterrupted : ExitCode::kDone;
}

}  // namespace

void add_stream(CLI::App& app, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(app, context, "stream", "an answer for every frame of a live or stored video",
                            [options] { return run(*options); });
  options->model.add_to(verb);
  video::FeedOptions& feed = options->feed;
  verb.add_option("SOURCE", feed.source, "file, URL (rtsp, http, ...), or -: standard input")->required();
  verb.add_option("--raw", feed.raw, "standard input carries bare pixels: WxH@fps:rgb24 or WxH@fps:yuv420p");
  verb.add_option("--stride", options->stride, "every n-th frame; 0: as the model was trained")
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--policy", options->policy,
                  "all: wait for the model (files, standard input) | latest: drop frames (URLs)");
  verb.add_option("--queue", feed.queue, "frames that wait at most with --policy latest")->check(CLI::Range(1, 1024));
  verb.add_option("--timeout,--deadline", feed.deadline_s,
                  "longest wait for the source to open, and then for each frame, seconds")
      ->check(CLI::PositiveNumber);
  verb.add_option("--topk", options->topk, "classes per line")->check(CLI::PositiveNumber);
  verb.add_option("--threshold", options->threshold, "least probability of the leading class for an event")
      ->check(CLI::Range(0.0, 1.0));
  verb.add_flag("--smooth,!--no-smooth", options->smooth, "events follow the running answer, or each frame's own");
  verb.add_option("--reset", options->reset_s, "forget everything after so many seconds of the stream; 0: never")
      ->check(CLI::NonNegativeNumber);
  verb.add_flag("--graph,!--no-graph", options->graph, "on a GPU, replay each frame's work as a CUDA graph");
  verb.add_option("--jsonl", options->jsonl, "a JSON line per frame and a summary into this file; -: standard output");
  verb.add_flag("--json", options->json, "the same as --jsonl -");
}

}  // namespace trecvit::tools
