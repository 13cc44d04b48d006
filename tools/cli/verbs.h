// The verbs of the program. A verb's file parses, calls the libraries and prints; it decides nothing else.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"

namespace trecvit::tools {

// The verb that the command line chose. main() runs it once parsing is over.
struct VerbContext {
  std::function<ExitCode()> action;
};

// A verb below `parent` with the options that all verbs have (-v, --quiet). `action` runs when it was chosen.
CLI::App& add_verb(CLI::App& parent, VerbContext& context, const std::string& name, const std::string& doc,
                   std::function<ExitCode()> action);

// A verb that only holds verbs, such as `dataset`.
CLI::App& add_group(CLI::App& parent, const std::string& name, const std::string& doc);

// Adds an option that may be given several times, one value each.
CLI::Option* add_repeatable(CLI::App& verb, const std::string& names, std::vector<std::string>& values,
                            const std::string& doc);

void add_dataset(CLI::App& app, VerbContext& context);
void add_dataset_synth(CLI::App& group, VerbContext& context);
void add_dataset_check(CLI::App& group, VerbContext& context);
void add_dataset_list(CLI::App& group, VerbContext& context);
void add_dataset_stats(CLI::App& group, VerbContext& context);
void add_inspect(CLI::App& app, VerbContext& context);
void add_inspect_video(CLI::App& group, VerbContext& context);
void add_inspect_model(CLI::App& group, VerbContext& context);
void add_train(CLI::App& app, VerbContext& context);  // and pretrain
void add_eval(CLI::App& app, VerbContext& context);
void add_predict(CLI::App& app, VerbContext& context);
void add_stream(CLI::App& app, VerbContext& context);
void add_convert(CLI::App& app, VerbContext& context);
void add_bench(CLI::App& app, VerbContext& context);
void add_bench_data(CLI::App& group, VerbContext& context);
void add_bench_kernels(CLI::App& group, VerbContext& context);
void add_bench_model(CLI::App& group, VerbContext& context);
void add_bench_stream(CLI::App& group, VerbContext& context);
void add_config(CLI::App& app, VerbContext& context);
void add_doctor(CLI::App& app, VerbContext& context);

}  // namespace trecvit::tools
