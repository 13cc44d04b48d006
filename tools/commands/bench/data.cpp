// How fast clips are read, stage by stage, and what limits it.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>
#include <thread>

#include "core/log.h"
#include "core/clock.h"
#include "data/loader/augmentation.h"
#include "data/loader/loader.h"
#include "tools/commands/bench/report.h"
#include "tools/cli/config_options.h"
#include "data/loader/load_advice.h"
#include "runtime/memory.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"
#include "tools/cli/version.h"

namespace trecvit::tools {
namespace {

struct Options {
  ConfigOptions config;
  std::string split, format = "table";
  std::int64_t batch = 8, batches = 12;
  double step_ms = 0;
};

// One thread, nobody waiting: where its time goes. A few batches tell.
LoadTimes time_stages(const Dataset& dataset, DataConfig data, const LoaderOptions& how, std::int64_t batches) {
  constexpr std::int64_t kMost = 12;
  batches = std::min(batches, kMost);
  data.workers = 0;
  Loader loader(dataset, data, how);
  ClipBatch batch;
  Progress progress("one thread", batches);
  for (std::int64_t i = 0; i < batches && loader.next(batch); ++i) progress.update(i + 1);
  return loader.times();
}

// As in training: workers ahead of a step that takes `step_ms`.
struct Run {
  double seconds = 0;
  std::int64_t kept = 0;
  std::vector<double> waits_ms;  // by batch
  std::int64_t memory_bytes = 0;
};

Run time_loader(const Dataset& dataset, const DataConfig& data, const LoaderOptions& how, const Options& options) {
  Run run;
  Loader loader(dataset, data, how);
  ClipBatch batch;
  Progress progress(text(data.workers, data.workers == 1 ? " worker" : " workers"), options.batches);
  if (!loader.next(batch)) return run;  // the first batch has nobody ahead of it
  const double began = now_s();
  for (std::int64_t i = 0; i < options.batches && loader.next(batch); ++i) {
    run.waits_ms.push_back(batch.wait_s * 1e3);
    run.kept += batch.clips * batch.frames;
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(options.step_ms));
    progress.update(i + 1);
  }
  run.seconds = now_s() - began;
  run.memory_bytes = peak_memory();
  return run;
}

double wait_share(const Run& run) {
  const double waited = std::accumulate(run.waits_ms.begin(), run.waits_ms.end(), 0.0) / 1e3;
  return run.seconds > 0 ? waited / run.seconds : 0;
}

// One line: what limits, and what would help.
std::string verdict(const LoadTimes& times, const Run& run, const DataConfig& data, const Options& options) {
  constexpr double kNoticed = 0.05;
  if (options.step_ms == 0) return load_advice(times);
  const double waited = wait_share(run);
  if (waited < kNoticed) {
    return text("the data keeps up with steps of ", options.step_ms, " ms: ", fixed(100 * waited, 1),
                " % of the time is waiting");
  }
  const double seconds_per_frame = times.total_s() / static_cast<double>(std::max<std::int64_t>(1, times.kept));
  const double frames_per_step =
      static_cast<double>(run.kept) / static_cast<double>(std::max<std::size_t>(1, run.waits_ms.size()));
  return text("steps of ", options.step_ms, " ms wait ", fixed(100 * waited, 0), " % of the time with ", data.workers,
              data.workers == 1 ? " worker; " : " workers; ",
              std::ceil(frames_per_step * seconds_per_frame / (options.step_ms / 1e3)),
              " with a core each would keep up; ", load_advice(times));
}

// The keys of every `bench`; null where nothing was measured.
Json row(const std::string& name, double value, const std::string& unit) {
  return {{"name", name},   {"value", value},        {"unit", unit},    {"p50", nullptr},        {"p90", nullptr},
          {"p99", nullptr}, {"peak_bytes", nullptr}, {"device", "cpu"}, {"commit", git_commit()}};
}

ExitCode run(const Options& options) {
  check_bench_format(options.format);
  const Config config = options.config.read().config;
  config.augment.check();
  const Dataset dataset = open_dataset(config.data, options.split.empty() ? config.data.train_split : options.split);
  const auto videos = static_cast<std::int64_t>(dataset.samples.size());
  const std::int64_t repeats = config.augment.repeats;
  const LoaderOptions how{.training = true,
                          .batch = std::max<std::int64_t>(1, std::min(options.batch, videos) / repeats) * repeats,
                          .seed = static_cast<std::uint64_t>(config.seed),
                          .augment = config.augment,
                          .planes = config.data.convert == "gpu" && !changes_pixels(config.augment)};
  const LoadTimes times = time_stages(dataset, config.data, how, options.batches);
  const std::int64_t before = peak_memory();
  const Run loaded = time_loader(dataset, config.data, how, options);
  if (times.kept == 0 || loaded.waits_ms.empty())
    throw Error(config.data.root, ": no video of the split ", dataset.split, " could be read");

  const double per_core = static_cast<double>(times.kept) / times.cpu_s;
  const double rate = static_cast<double>(loaded.kept) / loaded.seconds;
  const std::string line = verdict(times, loaded, config.data, options);
  Json rows = Json::array();
  rows.push_back(row("frames_per_s_per_core", per_core, "frames/s"));
  for (const LoadStage& stage : stages_of(times))
    rows.push_back(
        row(text("stage_", stage.name), 1e3 * stage.seconds / static_cast<double>(times.videos), "ms/video"));
  rows.push_back(
      row("decoded_per_kept", static_cast<double>(times.decoded) / static_cast<double>(times.kept), "frames"));
  rows.push_back(row("frames_per_s", rate, "frames/s"));
  rows.back()["workers"] = config.data.workers;
  rows.back()["peak_bytes"] = loaded.memory_bytes;
  Json wait = row("wait", 100 * wait_share(loaded), "% of the time");
  for (const auto& [key, share] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}})
    wait[key] = quantile(loaded.waits_ms, share);
  wait["verdict"] = line;
  rows.push_back(wait);
  rows.push_back(row("loader_memory", static_cast<double>(loaded.memory_bytes - before) / (1 << 20), "MiB"));
  if (options.format == "json") {
    print_json(rows, 2);
    return ExitCode::kDone;
  }
  std::vector<std::vector<std::string>> lines{{"what", "value", "unit"}};
  for (const Json& r : rows) lines.push_back({r["name"], fixed(r["value"], 2), r["unit"]});
  print(text_table(lines) + line + "\n");
  return ExitCode::kDone;
}

}  // namespace

void add_bench_data(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(group, context, "data", "how fast clips are read, stage by stage, and what limits it",
                            [options] { return run(*options); });
  options->config.add_to(verb);
  options->config.shortcut(verb, "--data", "data.root", "folder of the data set");
  options->config.shortcut(verb, "--workers", "data.workers", "threads that decode");
  verb.add_option("--split", options->split, "none: data.train_split");
  verb.add_option("--batch", options->batch, "clips of a batch")->check(CLI::PositiveNumber);
  verb.add_option("--batches", options->batches, "batches that are timed")->check(CLI::PositiveNumber);
  verb.add_option("--step-ms", options->step_ms, "time of a training step that runs meanwhile; 0: as fast as it goes")
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--format", options->format, "table or json");
}

}  // namespace trecvit::tools
