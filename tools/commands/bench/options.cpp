#include "runtime/device.h"
#include "tools/commands/bench/options.h"
#include "tools/commands/bench/report.h"

namespace trecvit::tools {

void BenchOptions::add_to(CLI::App& verb) {
  config.add_to(verb);
  verb.add_option("-m,--model", model,
                  "model file or checkpoint folder; default: random weights by the configuration, "
                  "which by itself is TRecViT-B")
      ->type_name("FILE");
  verb.add_option("--device", device, "auto, cpu or cuda:0");
  verb.add_option("--precision", precision, "fp32, bf16, or auto: bf16 on a GPU");
  verb.add_option("--threads", threads, "CPU threads of the computation at most, small work takes fewer; 0: all cores")->check(CLI::Range(0, 1024));
  verb.add_option("--format", format, "table or json");
}

std::unique_ptr<Model> BenchOptions::load() const {
  check_bench_format(format);
  make_deterministic();
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
  const at::Device where = parse_device(device);
  const at::ScalarType dtype = parse_precision(precision != "auto" ? precision : where.is_cuda() ? "bf16" : "fp32");
  ResolvedConfig resolved = config.resolve();
  if (!model.empty()) {
    if (!config.files().empty()) throw UsageError("--model and --config both name a model; one is wanted");
    return load_model(model, where, dtype);
  }
  ModelConfig shape = resolved.config.model;
  if (shape.classes == 0) shape.classes = 400;
  auto made = std::make_unique<Model>();
  made->net = std::make_unique<TRecViT>(made->store, shape);
  made->net->set_dtype(dtype);
  made->store.allocate(where);
  made->store.initialise(static_cast<std::uint64_t>(resolved.config.seed));
  made->net->cast_weights();
  made->preprocessing.size = shape.image_height;
  made->device = where;
  return made;
}

CLI::Option* add_list(CLI::App& verb, const std::string& names, std::vector<std::int64_t>& values,
                      const std::string& doc) {
  return verb.add_option(names, values, doc)->delimiter(',')->allow_extra_args(false)->check(CLI::PositiveNumber);
}

}  // namespace trecvit::tools
