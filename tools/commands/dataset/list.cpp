#include <memory>

#include "data/datasets/dataset.h"
#include "tools/cli/config_options.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  ConfigOptions config;
  std::string split;
  std::int64_t limit = 0;
  bool json = false;
};

std::string label_of(const Dataset& dataset, const Sample& sample) {
  return sample.label < 0 ? "" : dataset.labels.at(static_cast<std::size_t>(sample.label));
}

Json to_json(const Dataset& dataset, const Sample& sample) {
  Json line{{"id", sample.id}, {"label_id", nullptr}, {"label", nullptr}, {"path", sample.path.string()}};
  if (sample.label >= 0) {
    line["label_id"] = sample.label;
    line["label"] = label_of(dataset, sample);
  }
  if (sample.start_s >= 0) line["start_s"] = sample.start_s;
  if (sample.end_s >= 0) line["end_s"] = sample.end_s;
  return line;
}

ExitCode run(const Options& options) {
  const Config config = options.config.read().config;
  Dataset dataset = open_dataset(config.data, options.split.empty() ? config.data.val_split : options.split);
  if (options.limit > 0 && static_cast<std::int64_t>(dataset.samples.size()) > options.limit)
    dataset.samples.resize(static_cast<std::size_t>(options.limit));
  if (options.json) {
    for (const Sample& sample : dataset.samples) print_json(to_json(dataset, sample));
    return ExitCode::kDone;
  }
  std::vector<std::vector<std::string>> rows{{"id", "label", "path"}};
  for (const Sample& sample : dataset.samples)
    rows.push_back(
        {sample.id, sample.label < 0 ? "-" : text(sample.label, " ", label_of(dataset, sample)), sample.path.string()});
  print(text_table(rows));
  return ExitCode::kDone;
}

}  // namespace

void add_dataset_list(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(group, context, "list", "print the videos of a split with their labels",
                            [options] { return run(*options); });
  options->config.add_to(verb);
  options->config.shortcut(verb, "--data", "data.root", "folder of the data set");
  options->config.shortcut(verb, "--format", "data.format", "how it is laid out");
  verb.add_option("--split", options->split, "train, validation, test, ...; none: data.val_split");
  verb.add_option("--limit", options->limit, "so many videos at most; 0: all")->check(CLI::NonNegativeNumber);
  verb.add_flag("--json,--jsonl", options->json, "a JSON object per line: id label_id label path [start_s end_s]");
}

}  // namespace trecvit::tools
