#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>

#include "core/log.h"
#include "runtime/cuda_graph.h"
#include "tools/commands/bench/timing.h"
#include "tools/commands/bench/options.h"
#include "tools/commands/bench/kernel_cases.h"
#include "runtime/memory.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  BenchOptions bench;
  std::vector<std::int64_t> batch{8}, frames{32};
  std::vector<std::string> kernels, scans;
  std::int64_t repeats = 20;
};

using MakeClipCases = std::vector<KernelCase> (*)(const KernelSizes&, std::int64_t clips, std::int64_t frames);

// Cases that run over clips, by the names of --kernels.
constexpr std::pair<const char*, MakeClipCases> kClipCases[] = {{"patches", patch_cases},   {"norm", norm_cases},
                                                            {"product", product_cases}, {"gate", gate_cases},
                                                            {"unit", unit_cases},       {"attention", attention_cases}};
constexpr const char* kOthers[] = {"convolution", "scan", "step", "optimizer", "convert"};

// Rows and frames of scans that docs/benchmarks.md holds goals for: TRecViT-B's at 8 clips and 1, and few rows.
constexpr std::pair<std::int64_t, std::int64_t> kGpuScans[] = {
    {1576, 32}, {1576, 64}, {1576, 128}, {1576, 256}, {1576, 1024}, {197, 256}, {197, 1024}, {197, 4096}, {64, 4096}};

class Bench {
 public:
  Bench(const Options& options, const Model& model)
      : options_(options), report_(begin_bench(model.device, model.net->dtype())) {
    sizes_ = {model.net->config(), model.store.count(), model.device, model.net->dtype()};
  }
  BenchReport operator()();

 private:
  bool wanted(const std::string& kernel) const {
    return options_.kernels.empty() || std::ranges::find(options_.kernels, kernel) != options_.kernels.end();
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> scans() const;
  void measure(const std::string& kernel, const std::function<std::vector<KernelCase>()>& make);
  void measure(const KernelCase& work);
  void clear_memory();

  const Options& options_;
  BenchReport report_;
  KernelSizes sizes_;
};

// "1576x32"
std::pair<std::int64_t, std::int64_t> parse_scan(const std::string& size) {
  std::int64_t rows = 0, frames = 0;
  const char* end = size.data() + size.size();
  const auto first = std::from_chars(size.data(), end, rows);
  const bool cross = first.ptr != end && *first.ptr == 'x';
  const auto second = cross ? std::from_chars(first.ptr + 1, end, frames) : first;
  if (!cross || second.ec != std::errc() || second.ptr != end || rows < 1 || frames < 1)
    throw UsageError("--scans names ", size, "; it must be ROWSxFRAMES, such as 1576x32");
  return {rows, frames};
}

std::vector<std::pair<std::int64_t, std::int64_t>> Bench::scans() const {
  std::vector<std::pair<std::int64_t, std::int64_t>> all;
  for (const std::string& size : options_.scans) all.push_back(parse_scan(size));
  if (!options_.scans.empty()) return all;
  if (sizes_.device.is_cuda()) return {std::begin(kGpuScans), std::end(kGpuScans)};
  for (const std::int64_t batch : options_.batch)
    for (const std::int64_t frames : options_.frames) all.emplace_back(batch * sizes_.model.tokens(), frames);
  return all;
}

// Short work is timed in a CUDA graph that repeats it for about a millisecond, so that the cost of launches does not
// show; its times are means of such a repeat.
void Bench::measure(const KernelCase& work) {
  constexpr std::int64_t kWarm = 3;
  constexpr double kGraphMs = 1, kMostRuns = 32;
  reset_peak_gpu_memory(sizes_.device.str());
  const std::vector<double> warm = times_ms(sizes_.device, kWarm, work.run);
  const double runs = std::clamp(std::floor(kGraphMs / quantile(warm, 0.5)), 0.0, kMostRuns);
  BenchRow row{.name = work.name, .flops = work.flops, .bytes = work.bytes};
  if (sizes_.device.is_cuda() && options_.bench.graph && !work.by_autograd && runs > 0) {
    const CudaGraph replay(sizes_.device, work.run, [&] {
      for (int run = 0; run < static_cast<int>(runs); ++run) work.run();
    });
    replay();
    row.ms = times_ms(sizes_.device, options_.repeats, [&] { replay(); });
    for (double& ms : row.ms) ms /= runs;
  } else {
    row.ms = times_ms(sizes_.device, options_.repeats, work.run);
  }
  const double seconds = quantile(row.ms, 0.5) * 1e-3;
  row.unit = work.flops > 0 ? "TFLOP/s" : "GB/s";
  row.value = work.flops > 0 ? work.flops / seconds * 1e-12 : work.bytes / seconds * 1e-9;
  row.peak_bytes = peak_bytes(sizes_.device.str());
  report_.rows.push_back(std::move(row));
}

void Bench::measure(const std::string& kernel, const std::function<std::vector<KernelCase>()>& make) {
  if (!wanted(kernel)) return;
  try {
    for (const KernelCase& work : make()) measure(work);
  } catch (const c10::OutOfMemoryError&) {
    log_warning(text(kernel, ": a size that this GPU's memory does not hold was left out"));
  }
  clear_memory();
}

// Makes room for sizes to come, and waits: after memory was given back everything is slower, as if the driver cleared
// it meanwhile; on an H100 by 11 %, for a second per 430 GB, a seventh of what a copy moves (docs/benchmarks.md).
void Bench::clear_memory() {
  constexpr double kOfCopy = 1.0 / 12;
  const auto bytes = static_cast<double>(free_cached_gpu_memory(sizes_.device.str()));
  std::this_thread::sleep_for(std::chrono::duration<double>(bytes / (kOfCopy * report_.bytes_per_s)));
}

BenchReport Bench::operator()() {
  const at::NoGradGuard no_grad;
  const auto scan_sizes = scans();
  for (const std::int64_t batch : options_.batch) {
    for (const std::int64_t frames : options_.frames)
      for (const auto& [name, cases] : kClipCases) measure(name, [&] { return cases(sizes_, batch, frames); });
    measure("step", [&] { return step_cases(sizes_, batch); });
  }
  for (const auto& [rows, frames] : scan_sizes) {
    measure("convolution", [&] { return conv_cases(sizes_, rows, frames); });
    measure("scan", [&] { return scan_cases(sizes_, rows, frames); });
  }
  measure("optimizer", [&] { return optimizer_cases(sizes_); });
  measure("convert", [&] { return convert_cases(sizes_); });
  return std::move(report_);
}

void check_kernels(const std::vector<std::string>& kernels) {
  std::vector<std::string> known(std::begin(kOthers), std::end(kOthers));
  for (const auto& [name, cases] : kClipCases) known.push_back(name);
  for (const std::string& kernel : kernels) {
    if (std::ranges::find(known, kernel) != known.end()) continue;
    std::string list;
    for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
    throw UsageError("--kernels names ", kernel, "; it must be of ", list);
  }
}

ExitCode run(const Options& options) {
  check_kernels(options.kernels);
  for (const std::string& size : options.scans) parse_scan(size);
  const std::unique_ptr<Model> model = options.bench.load();
  print_bench(Bench(options, *model)(), options.bench.format);
  return ExitCode::kDone;
}

}  // namespace

void add_bench_kernels(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(group, context, "kernels",
                            "the kernels that a model is made of, one by one, against the machine's ceilings",
                            [options] { return run(*options); });
  options->bench.add_to(verb);
  add_list(verb, "--batch", options->batch,
           "clips (streams of a recurrent step) at once; a list such as 8,1 times each");
  add_list(verb, "--frames", options->frames, "frames of a clip; likewise");
  const auto names = [&](const char* flag, std::vector<std::string>& values, const char* doc) {
    verb.add_option(flag, values, doc)->delimiter(',')->allow_extra_args(false);
  };
  names("--kernels", options->kernels,
        "some alone: patches,norm,product,gate,unit,step,attention,convolution,scan,optimizer,convert");
  names("--scans", options->scans,
        "sizes of scan and convolution, ROWSxFRAMES; none: on a GPU those of docs/benchmarks.md, else the clips'");
  verb.add_option("--repeats", options->repeats, "timed runs of each")->check(CLI::Range(1, 100000));
  verb.add_flag("--graph,!--no-graph", options->bench.graph, "on a GPU, repeat what takes under 1 ms in a CUDA graph");
}

}  // namespace trecvit::tools
