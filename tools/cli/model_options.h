// The options by which a verb is told a trained model and where to run it: -m/--model, --device, --precision.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "data/loader/sampling.h"
#include "io/model_file.h"

namespace trecvit::tools {

struct ModelOptions {
  std::string path, device = "auto", precision = "fp32";
  std::int64_t threads = 0;

  void add_to(CLI::App& verb);

  // UsageError without -m.
  std::unique_ptr<Model> load() const;
};

// The frames of a video that the model was trained to see: its clips' stride and rate, or all with uniform sampling,
// whose clips have no fixed one. `stride` > 0: every so many-th frame instead.
Pace frame_pace(const Model& model, std::int64_t stride);

// Names of the classes were in the model's file.
bool has_class_names(const Model& model);

}  // namespace trecvit::tools
