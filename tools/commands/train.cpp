#include <memory>

#include "core/log.h"
#include "tools/cli/config_options.h"
#include "tools/cli/interrupt.h"
#include "data/loader/load_advice.h"
#include "runtime/memory.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"
#include "train/trainer.h"

namespace trecvit::tools {
namespace {

struct Options {
  std::string verb;
  ConfigOptions config;
  std::string run_dir, resume = "auto", init;
  std::int64_t overfit = 0;
  bool new_head = false;
  bool dry_run = false;
  bool json = false;
};

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

std::string verdict(const TrainResult& result, const Config& config) {
  constexpr double kMuch = 0.1;
  if (result.data_wait <= kMuch)
    return text("data is not the limit: ", percent(result.data_wait), " of the time went to waiting for it");
  return text("training waits for data ", percent(result.data_wait), " of the time: ", load_advice(result.load),
              "; data.workers is ", config.data.workers);
}

void report(const Options& options, const TrainRequest& request, const TrainResult& result) {
  const Config& config = request.config;
  const double per_step = result.steps > 0 ? result.seconds / static_cast<double>(result.steps) : 0;
  const std::int64_t memory = peak_memory(), gpu_memory = peak_gpu_memory(config.train.device);
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  log_info(text(result.steps, " steps in ", fixed(result.seconds, 1), " s (", fixed(per_step, 3), " s per step), ",
                result.parameters, " parameters, loss ", result.loss));
  if (result.top1 >= 0) log_info(text("top-1 ", percent(result.top1), ", best ", percent(result.best_top1)));
  log_info(verdict(result, config));
  if (result.gpu_busy >= 0) log_info(text("GPU busy ", percent(result.gpu_busy), " of the time"));
  if (result.bad_videos > 0)
    log_warning(text(result.bad_videos, " videos could not be read; ", (request.run_dir / "bad_videos.jsonl").string(),
                     " lists them"));
  if (options.dry_run)
    log_info(text("peak memory ", fixed(static_cast<double>(memory) / kGiB, 2), " GiB",
                  gpu_memory ? text(", GPU ", fixed(static_cast<double>(gpu_memory) / kGiB, 2), " GiB") : "",
                  "; nothing was kept"));
  if (!options.json) return;
  Json json{{"run_dir", request.run_dir.string()},
            {"steps", result.steps},
            {"seconds", result.seconds},
            {"seconds_per_step", per_step},
            {"loss", result.loss},
            {"top1", nullptr},
            {"best_top1", nullptr},
            {"data_wait", result.data_wait},
            {"gpu_busy", nullptr},
            {"parameters", result.parameters},
            {"bad_videos", result.bad_videos},
            {"peak_bytes", memory},
            {"gpu_peak_bytes", gpu_memory},
            {"interrupted", result.interrupted}};
  if (result.top1 >= 0) json["top1"] = result.top1;
  if (result.gpu_busy >= 0) json["gpu_busy"] = result.gpu_busy;
  if (result.best_top1 >= 0) json["best_top1"] = result.best_top1;
  print_json(json);
}

ExitCode run(const Options& options) {
  ResolvedConfig resolved = options.config.resolve();
  const std::vector<std::string>& files = options.config.files();
  const std::string recipe = files.empty() ? options.verb : std::filesystem::path(files.back()).stem().string();
  const TrainRequest request{.config = resolved.config,
                             .origins = resolved.origins,
                             .run_dir = options.run_dir.empty() ? "run/" + recipe : options.run_dir,
                             .resume = options.resume,
                             .init = options.init,
                             .new_head = options.new_head,
                             .overfit = options.overfit,
                             .dry_run = options.dry_run};
  const TrainResult result = train(request, stop_on_signals());
  report(options, request, result);
  if (!result.interrupted) return ExitCode::kDone;
  if (!options.dry_run)
    log_info(text("interrupted and saved at step ", result.steps, "; the same command with --run-dir ",
                  request.run_dir.string(), " --resume auto goes on from there"));
  return ExitCode::kInterrupted;
}

CLI::App& add(CLI::App& app, VerbContext& context, const std::string& name, const std::string& doc) {
  auto options = std::make_shared<Options>();
  options->verb = name;
  CLI::App& verb = add_verb(app, context, name, doc, [options] { return run(*options); });
  if (name == "pretrain") options->config.force("train.objective", "mae", "pretrain");
  options->config.add_to(verb);
  options->config.shortcut(verb, "--data", "data.root", "folder of the data set");
  options->config.shortcut(verb, "--device", "train.device", "auto, cpu or cuda:0");
  options->config.shortcut(verb, "--precision", "train.precision", "fp32 or bf16");
  options->config.shortcut(verb, "--max-steps", "train.max_steps", "optimizer steps");
  options->config.shortcut(verb, "--workers", "data.workers", "threads that decode");
  verb.add_option("--run-dir", options->run_dir, "folder of the run; none: run/NAME of the configuration file");
  verb.add_option("--resume", options->resume,
                  "auto: go on when the run has a checkpoint | none: refuse to | a checkpoint");
  verb.add_option("--init", options->init, "weights to start from: .safetensors, .npz or a checkpoint");
  verb.add_flag("--new-head", options->new_head, "with --init: the classifier starts anew, for other classes");
  verb.add_option("--overfit", options->overfit, "train on the first so many videos alone; 0: all")
      ->check(CLI::NonNegativeNumber);
  verb.add_flag("--dry-run", options->dry_run, "one step, its time and memory; keeps nothing");
  verb.add_flag("--json", options->json, "the result as JSON");
  return verb;
}

}  // namespace

void add_train(CLI::App& app, VerbContext& context) {
  add(app, context, "train", "train a classifier, or go on with a run");
  add(app, context, "pretrain", "train by masked auto-encoding; writes pictures of what it reconstructs");
}

}  // namespace trecvit::tools
