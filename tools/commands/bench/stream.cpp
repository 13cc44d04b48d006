#include <algorithm>
#include <memory>

#include "infer/stream_batch.h"
#include "model/cost.h"
#include "tools/commands/bench/timing.h"
#include "tools/commands/bench/options.h"
#include "runtime/memory.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  BenchOptions bench;
  std::vector<std::int64_t> streams{1};
  std::int64_t frames = 2000;
};

constexpr std::int64_t kEarly = 1000, kWindow = 100, kWarm = 20;

BenchRow in_ms(const std::string& name, std::vector<double> ms, std::int64_t peak) {
  BenchRow row{.name = name, .unit = "ms", .ms = std::move(ms), .peak_bytes = peak};
  row.value = quantile(row.ms, 0.5);
  return row;
}

// The `kWindow` steps that end with step `last`, counted from 1, or as many as there are.
std::vector<double> window(const std::vector<double>& ms, std::int64_t last) {
  const auto end = ms.begin() + std::min(last, static_cast<std::int64_t>(ms.size()));
  return {end - std::min<std::ptrdiff_t>(kWindow, end - ms.begin()), end};
}

std::string drift(const std::string& name, const BenchRow& early, const BenchRow& late) {
  constexpr double kMiB = 1 << 20;
  const auto mib = [](std::int64_t bytes) { return text(fixed(static_cast<double>(bytes) / kMiB, 1), " MiB"); };
  return text(name, ": the hundred frames", late.name.substr(name.size() + 1), " take ",
              fixed(late.value / early.value, 3), " times as long as the hundred", early.name.substr(name.size() + 1),
              " (medians); most memory ", mib(late.peak_bytes), " after frame ", kEarly, ", ", mib(early.peak_bytes),
              " before");
}

void bench(BenchReport& report, const Options& options, const Model& model, std::int64_t streams) {
  const std::string device = model.device.str(), name = text("stream ", streams);
  reset_peak_gpu_memory(device);
  StreamBatch batch(model, {.slots = streams, .graph = options.bench.graph});
  for (std::int64_t i = 0; i < streams; ++i) {
    const auto pixels = batch.pixels(batch.join());
    const at::Tensor noise = random_video(1, 1, model.preprocessing.size, at::kCPU);
    std::copy_n(noise.data_ptr<std::uint8_t>(), pixels.size(), pixels.begin());
  }
  batch.upload(batch.joined());
  batch.compute();  // the recording and the warm-up are no frame's latency
  batch.download();

  // The model's part, one frame behind the other: the first thousand, then the rest, memory counted anew for each.
  const auto compute = [&] { batch.compute(); };
  const std::int64_t recording = peak_bytes(device);
  reset_peak_gpu_memory(device);
  std::vector<double> ms = times_ms(model.device, std::min(options.frames, kEarly), compute);
  const BenchRow early = in_ms(text(name, ", to frame ", kEarly), window(ms, kEarly), peak_bytes(device));
  if (options.frames > kEarly) {
    reset_peak_gpu_memory(device);
    const std::vector<double> later = times_ms(model.device, options.frames - kEarly, compute);
    ms.insert(ms.end(), later.begin(), later.end());
  }
  const std::int64_t peak = peak_bytes(device), warm = std::min<std::int64_t>(kWarm, options.frames / 2);
  BenchRow row{.name = name, .unit = "frames/s", .ms = {ms.begin() + warm, ms.end()}};
  row.peak_bytes = std::max({recording, early.peak_bytes, peak});
  row.value = static_cast<double>(streams) / (quantile(row.ms, 0.5) * 1e-3);
  row.flops = forward_flops(model.net->config()) * static_cast<double>(streams);
  // Parameters and pixels are read, states read and written.
  row.bytes = static_cast<double>(model.store.count()) * static_cast<double>(at::elementSize(model.net->dtype())) +
              static_cast<double>(streams) * static_cast<double>(batch.pixels(0).size()) +
              static_cast<double>(batch.state_bytes_per_frame());
  report.rows.push_back(std::move(row));
  if (options.frames > kEarly) {
    report.rows.push_back(early);
    report.rows.push_back(in_ms(text(name, ", to frame ", options.frames), window(ms, options.frames), peak));
    report.remarks.push_back(drift(name, early, report.rows.back()));
  }
  // The latency of a client: from pixels in main memory to the answer there.
  report.rows.push_back(in_ms(name + ", pixels to answer",
                              times_ms(at::kCPU, std::min<std::int64_t>(options.frames, 500), [&] { batch.step(); }),
                              peak));
}

ExitCode run(const Options& options) {
  const std::unique_ptr<Model> model = options.bench.load();
  BenchReport report = begin_bench(model->device, model->net->dtype());
  for (const std::int64_t streams : options.streams) bench(report, options, *model, streams);
  print_bench(report, options.bench.format);
  return ExitCode::kDone;
}

}  // namespace

void add_bench_stream(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(group, context, "stream", "a frame of every stream, and whether the last costs what the first did",
               [options] { return run(*options); });
  options->bench.add_to(verb);
  add_list(verb, "--streams", options->streams, "streams at once; a list such as 1,8,64 times each");
  verb.add_option("--frames", options->frames,
                  "frames of each stream; beyond 1000, rows of the hundred to frame 1000 and of "
                  "the last hundred")
      ->check(CLI::Range(2, 100'000'000));
  verb.add_flag("--graph,!--no-graph", options->bench.graph, "on a GPU, replay each step as a CUDA graph");
}

}  // namespace trecvit::tools
