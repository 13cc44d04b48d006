#include "core/error.h"
#include "runtime/device.h"
#include "tools/cli/model_options.h"

namespace trecvit::tools {

void ModelOptions::add_to(CLI::App& verb) {
  verb.add_option("-m,--model", path, "model: .safetensors, official .npz or a checkpoint folder")->type_name("FILE");
  verb.add_option("--device", device, "auto, cpu or cuda:0");
  verb.add_option("--precision", precision, "fp32 or bf16");
  verb.add_option("--threads", threads, "CPU threads of the computation at most, small work takes fewer; 0: all cores")->check(CLI::Range(0, 1024));
}

std::unique_ptr<Model> ModelOptions::load() const {
  if (path.empty())
    throw UsageError("--model is missing; it must be a .safetensors or .npz file or a checkpoint folder");
  make_deterministic();
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
  return load_model(path, parse_device(device), parse_precision(precision));
}

Pace frame_pace(const Model& model, std::int64_t stride) {
  if (stride > 0) return Pace(stride);
  const Preprocessing& trained = model.preprocessing;
  return trained.sampling == "dense" ? Pace(trained.stride, trained.fps) : Pace(1, trained.fps);
}

bool has_class_names(const Model& model) { return !model.labels.empty() && model.labels.front() != "class 0"; }

}  // namespace trecvit::tools
