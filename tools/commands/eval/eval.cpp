#include <memory>

#include "core/file.h"
#include "core/log.h"
#include "infer/evaluate.h"
#include "infer/labels.h"
#include "tools/cli/config_options.h"
#include "tools/commands/eval/eval_tables.h"
#include "tools/cli/model_options.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  ConfigOptions config;
  ModelOptions model;
  EvalOptions eval;
  std::string split, out, match = "name";
  double fail_under = -1;
  bool check_parity = false;
  bool json = false;
};

// Sampling as the model was trained, except where the user says otherwise.
DataConfig data_of(const ResolvedConfig& resolved, const Preprocessing& trained) {
  DataConfig data = resolved.config.data;
  const auto told = [&](const char* key) { return resolved.origins.count(key) > 0; };
  if (!told("data.size")) data.size = trained.size;
  if (!told("data.frames")) data.frames = trained.frames;
  if (!told("data.stride")) data.stride = trained.stride;
  if (!told("data.fps")) data.fps = trained.fps;
  if (!told("data.sampling")) data.sampling = trained.sampling;
  if (!told("data.short_clip")) data.short_clip = trained.short_clip;
  data.check();
  return data;
}

double largest_difference(const EvalReport& a, const EvalReport& b) {
  double worst = 0;
  ensure(a.predictions.size() == b.predictions.size(), "two passes over one data set predicted different videos");
  for (std::size_t i = 0; i < a.predictions.size(); ++i) {
    ensure(a.predictions[i].sample == b.predictions[i].sample, "two passes over one data set took another order");
    for (std::size_t c = 0; c < a.predictions[i].p.size(); ++c)
      worst = std::max(
          worst, std::abs(static_cast<double>(a.predictions[i].p[c]) - static_cast<double>(b.predictions[i].p[c])));
  }
  return worst;
}

void warn_missing(const EvalReport& report) {
  constexpr std::size_t kShown = 5;
  for (std::size_t i = 0; i < std::min(kShown, report.bad.size()); ++i) log_warning(report.bad[i].message);
  if (report.bad.size() > kShown)
    log_warning(text("and ", report.bad.size() - kShown, " more videos could not be read"));
}

ExitCode run(const Options& options) {
  const ResolvedConfig resolved = options.config.read();
  const Config& config = resolved.config;
  if (options.eval.mode != "clip" && options.eval.mode != "stream")
    throw UsageError("--mode is ", options.eval.mode, "; it must be clip or stream");
  if (options.match != "name" && options.match != "index")
    throw UsageError("--match is ", options.match, "; it must be name or index");
  require(config.eval.clips >= 1 && config.eval.clips <= 1000, "--clips", config.eval.clips, "1..1000");
  require(config.eval.crops >= 1 && config.eval.crops <= 3, "--crops", config.eval.crops, "1..3");
  const std::unique_ptr<Model> model = options.model.load();
  const DataConfig data = data_of(resolved, model->preprocessing);
  const Dataset dataset = open_dataset(data, options.split.empty() ? data.val_split : options.split);

  EvalOptions how = options.eval;
  how.clips = config.eval.clips;
  how.crops = config.eval.crops;
  how.seed = static_cast<std::uint64_t>(config.seed);
  how.labels = map_labels(dataset.labels, model->labels, has_class_names(*model) && options.match == "name");
  if (!options.out.empty()) check_output_folder(options.out);
  const auto pass = [&](const std::string& mode) {
    how.mode = mode;
    Progress progress(text(dataset.split, " (", mode, ")"), static_cast<long long>(dataset.samples.size()));
    return evaluate(*model->net, model->device, dataset, data, how,
                    [&](std::int64_t done, std::int64_t) { progress.update(done); });
  };
  const EvalReport report = pass(options.eval.mode);
  warn_missing(report);
  if (!options.out.empty()) write_report(report, dataset, model->labels, options.out);
  check_answered(report, dataset);
  if (report.n == 0) log_warning(text("no video of the split ", dataset.split, " has a label: there is no accuracy"));
  double difference = 0;
  if (options.check_parity)
    difference = largest_difference(report, pass(options.eval.mode == "clip" ? "stream" : "clip"));

  if (options.json) {
    Json summary = Json::parse(summary_json(report));
    if (options.check_parity) summary["max_p_difference"] = difference;
    print_json(summary);
  } else {
    print(eval_tables(report, model->labels));
    if (options.check_parity)
      print(text("clip against stream: largest difference of a probability ", difference, "\n"));
  }
  constexpr double kParity = 1e-4;
  if (options.check_parity && !(difference <= kParity)) {
    log_error(text("clip and stream differ by ", difference, " in a probability; it must be at most ", kParity));
    return ExitCode::kBelowGate;
  }
  return gate(report, options.fail_under);
}

struct ScoreOptions {
  std::string file;
  double fail_under = -1;
  bool json = false;
};

std::string id_of(const Json& prediction, std::int64_t line) {
  const auto id = prediction.find("id");
  return id != prediction.end() && id->is_string() ? id->get<std::string>() : text("in line ", line);
}

EvalReport read_predictions(const std::string& file) {
  EvalReport report;
  std::istringstream lines(read_file(file));
  std::int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty()) continue;
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto numbers = [](const Json& p) {
      return p.is_array() && std::all_of(p.begin(), p.end(), [](const Json& value) { return value.is_number(); });
    };
    // JSON has no NaN: writers put null in its place.
    if (json.is_object() && json.contains("p") && json["p"].is_array() &&
        std::any_of(json["p"].begin(), json["p"].end(), [](const Json& value) { return value.is_null(); }))
      throw Error(file, ":", number, ": the answer to video ", id_of(json, number),
                  " has a null among its probabilities; the model that gave it is damaged");
    if (!json.is_object() || !json.contains("label") || !json["label"].is_number_integer() || !json.contains("p") ||
        !numbers(json["p"]))
      throw Error(file, ":", number,
                  " is not a prediction; it must be JSON such as {\"id\": \"17\", \"label\": 3, \"p\": [0.1, 0.9]}");
    Prediction& prediction = report.predictions.emplace_back();
    prediction.sample = number - 1;
    prediction.id = id_of(json, number);
    prediction.label = json["label"];
    prediction.p = json["p"].get<std::vector<float>>();
    const std::size_t classes = report.predictions.front().p.size();
    if (prediction.p.empty() || prediction.p.size() != classes)
      throw Error(file, ":", number, " has ", prediction.p.size(), " probabilities; the first line has ", classes);
    if (prediction.label < -1 || prediction.label >= static_cast<std::int64_t>(classes))
      throw Error(file, ":", number, " has label ", prediction.label, "; it must be below ", classes,
                  ", or -1 for none");
  }
  if (report.predictions.empty()) throw Error(file, " holds no prediction");
  return report;
}

ExitCode run_score(const ScoreOptions& options) {
  EvalReport report = read_predictions(options.file);
  const std::size_t classes = report.predictions.front().p.size();
  score(report, static_cast<std::int64_t>(classes));
  std::vector<std::string> labels;
  for (std::size_t c = 0; c < classes; ++c) labels.push_back(text("class ", c));
  if (options.json) {
    print(summary_json(report) + "\n");
  } else {
    print(eval_tables(report, labels));
  }
  return gate(report, options.fail_under);
}

void add_gate(CLI::App& verb, double& fail_under) {
  verb.add_option("--fail-under", fail_under, "exit code 3 when top-1 is below, 0..1")
      ->check(CLI::Range(0.0, 1.0))
      ->default_str("");
}

}  // namespace

void add_eval(CLI::App& app, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(app, context, "eval", "accuracy of a model over a split", [options] { return run(*options); });
  options->model.add_to(verb);
  options->config.add_to(verb);
  options->config.shortcut(verb, "--data", "data.root", "folder of the data set");
  options->config.shortcut(verb, "--format", "data.format", "how it is laid out");
  options->config.shortcut(verb, "--clips", "eval.clips", "temporal clips per video");
  options->config.shortcut(verb, "--crops", "eval.crops", "spatial crops per video");
  options->config.shortcut(verb, "--workers", "data.workers", "threads that decode");
  verb.add_option("--split", options->split, "train, validation, test, ...; none: data.val_split");
  verb.add_option("--mode", options->eval.mode, "clip: whole clips at once | stream: frame by frame through the state");
  verb.add_option("--match", options->match,
                  "how classes of data and model belong together: by name, or by index whatever their names are");
  verb.add_option("--batch", options->eval.batch, "views per forward pass")->check(CLI::PositiveNumber);
  verb.add_flag("--shuffle-frames", options->eval.shuffle_frames,
                "frames in a random order: what stills alone give away");
  verb.add_flag("--check-parity", options->check_parity,
                "both modes; exit code 3 when a probability differs by over 1e-4");
  add_gate(verb, options->fail_under);
  verb.add_option("--out", options->out, "folder for summary, predictions, classes, confusion, missing videos");
  verb.add_flag("--json", options->json, "as JSON: top1 top5 mean_class n missing loss");

  auto offline = std::make_shared<ScoreOptions>();
  CLI::App& score_verb = add_verb(verb, context, "score", "score predictions.jsonl of an earlier evaluation again",
                                  [offline] { return run_score(*offline); });
  score_verb.add_option("FILE", offline->file, "lines with id, label and p")->required();
  add_gate(score_verb, offline->fail_under);
  score_verb.add_flag("--json", offline->json, "as JSON: top1 top5 mean_class n missing loss");
}

}  // namespace trecvit::tools
