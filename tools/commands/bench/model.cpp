#include <memory>
#include <optional>

#include "runtime/cuda_graph.h"
#include "model/cost.h"
#include "tools/commands/bench/timing.h"
#include "tools/commands/bench/options.h"
#include "runtime/memory.h"
#include "tools/cli/verbs.h"
#include "train/adamw.h"
#include "train/objective.h"

namespace trecvit::tools {
namespace {

struct Options {
  BenchOptions bench;
  std::vector<std::int64_t> batch{8}, frames{32};
  std::string cases = "clip,train";
  std::int64_t repeats = 20;
};

constexpr int kWarm = 3;

// Repeats `work`, which takes so many frames, and adds its row.
BenchRow& measure(BenchReport& report, const Options& options, at::Device device, const std::string& name,
                  std::int64_t frames, const std::function<void()>& work) {
  reset_peak_gpu_memory(device.str());
  for (int i = 0; i < kWarm; ++i) work();
  BenchRow row{.name = name, .unit = "frames/s", .ms = times_ms(device, options.repeats, work)};
  row.value = static_cast<double>(frames) / (quantile(row.ms, 0.5) * 1e-3);
  row.peak_bytes = peak_bytes(device.str());
  report.rows.push_back(std::move(row));
  return report.rows.back();
}

// At least the parameters, in the type of the computation, and the pixels are read.
void bench_clip(BenchReport& report, const Options& options, const Model& model, std::int64_t batch,
                std::int64_t frames) {
  const at::NoGradGuard no_grad;
  const at::Tensor video = random_video(frames, batch, model.preprocessing.size, model.device);
  const double bytes =
      static_cast<double>(model.store.count()) * static_cast<double>(at::elementSize(model.net->dtype())) +
      static_cast<double>(video.nbytes());
  const double flops = forward_flops(model.net->config()) * static_cast<double>(batch * frames);
  const std::string name = text("clip ", batch, "x", frames);
  const auto forward = [&] { model.net->classify_clips(video); };
  const auto add = [&](const std::string& how, const std::function<void()>& work) {
    BenchRow& row = measure(report, options, model.device, name + how, batch * frames, work);
    row.flops = flops, row.bytes = bytes;
  };
  add("", forward);
  if (options.bench.graph && model.device.is_cuda()) {
    const CudaGraph replay(model.device, forward, forward);
    add(", graph", [&] { replay(); });
  }
}

// Loss, gradients, their norm, clipping and AdamW, as the trainer does them. At least the parameters, their gradients
// and both moments are read and written once.
void bench_train(BenchReport& report, const Options& options, Model& model, std::int64_t batch, std::int64_t frames) {
  const at::Tensor video = random_video(frames, batch, model.preprocessing.size, model.device);
  Config config;
  config.model = model.net->config();
  ClipBatch labels;
  for (std::int64_t b = 0; b < batch; ++b) labels.labels.push_back(b % config.model.classes);
  const auto objective = make_classification(*model.net, config);
  const at::Tensor values = model.store.flat(), gradient = model.store.flat_grad();
  AdamW optimizer(values, model.store.decayed_count(), {.weight_decay = config.train.weight_decay});
  std::int64_t steps = 0;
  BenchRow& row = measure(report, options, model.device, text("train ", batch, "x", frames), batch * frames, [&] {
    gradient.zero_();
    const at::Tensor loss = objective->loss(video, labels, steps++);
    loss.backward();
    optimizer.step(gradient, loss.detach(), config.train.lr, config.train.clip_norm);
    model.net->cast_weights();
  });
  row.flops = 3 * forward_flops(config.model) * static_cast<double>(batch * frames);
  row.bytes = 8 * static_cast<double>(values.nbytes());
}

ExitCode run(const Options& options) {
  bool clip = false, train = false;
  std::istringstream words(options.cases);
  for (std::string word; std::getline(words, word, ',');) {
    if (word != "clip" && word != "train")
      throw UsageError("--cases names ", word, "; it must be clip, train or clip,train");
    (word == "clip" ? clip : train) = true;
  }
  const std::unique_ptr<Model> model = options.bench.load();
  if (train && model->net->config().classes == 0)
    throw UsageError("this model has no classifier; --cases clip can be timed");
  BenchReport report = begin_bench(model->device, model->net->dtype());
  for (const std::int64_t batch : options.batch) {
    for (const std::int64_t frames : options.frames) {
      if (clip) bench_clip(report, options, *model, batch, frames);
      if (train) bench_train(report, options, *model, batch, frames);
    }
  }
  print_bench(report, options.bench.format);
  return ExitCode::kDone;
}

}  // namespace

void add_bench_model(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(group, context, "model", "clips forward, and whole training steps, on random frames",
                            [options] { return run(*options); });
  options->bench.add_to(verb);
  add_list(verb, "--batch", options->batch, "clips at once; a list such as 8,1 times each");
  add_list(verb, "--frames", options->frames, "frames of a clip; likewise");
  verb.add_option("--cases", options->cases, "clip: forward alone | train: whole steps | clip,train");
  verb.add_option("--repeats", options->repeats, "timed runs of each")->check(CLI::Range(1, 100000));
  verb.add_flag("--graph,!--no-graph", options->bench.graph, "on a GPU, time forward as a CUDA graph too");
}

}  // namespace trecvit::tools
