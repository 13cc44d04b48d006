// The options that the verbs of `bench` share, and the model they name.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "io/model_file.h"
#include "tools/cli/config_options.h"

namespace trecvit::tools {

struct BenchOptions {
  ConfigOptions config;
  std::string model, device = "auto", precision = "auto", format = "table";
  std::int64_t threads = 0;
  bool graph = true;

  void add_to(CLI::App& verb);

  // Sets the process up and gives the model: from a file, or by the configuration with random weights and, where that
  // names no classes, 400 of them. UsageError: both a file and a configuration.
  std::unique_ptr<Model> load() const;
};

// An option that takes a list, "8,1".
CLI::Option* add_list(CLI::App& verb, const std::string& names, std::vector<std::int64_t>& values,
                      const std::string& doc);

}  // namespace trecvit::tools
