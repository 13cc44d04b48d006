#include <algorithm>
#include <memory>

#include "core/log.h"
#include "data/datasets/check.h"
#include "tools/config_options.h"
#include "tools/output.h"
#include "tools/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  ConfigOptions config;
  std::vector<std::string> splits;
  bool full = false;
  bool json = false;
};

struct Checked {
  Dataset dataset;
  CheckReport report;
};

Json to_json(const Checked& checked) {
  const CheckReport& report = checked.report;
  Json problems = Json::array();
  for (const Problem& p : report.problems)
    problems.push_back(
        {{"id", p.id}, {"path", p.path.string()}, {"kind", problem_name(p.kind)}, {"sentence", p.sentence}});
  return {{"split", checked.dataset.split},
          {"format", checked.dataset.format},
          {"videos", report.videos},
          {"usable", report.usable},
          {"official", report.official},
          {"classes", checked.dataset.labels.size()},
          {"unlabelled", report.unlabelled},
          {"smallest_class", report.smallest_class},
          {"largest_class", report.largest_class},
          {"frames", report.frames},
          {"fewest_frames", report.fewest_frames},
          {"most_frames", report.most_frames},
          {"class_counts", report.class_counts},
          {"problems", problems}};
}

void print_tables(const std::vector<Checked>& all) {
  std::vector<std::vector<std::string>> rows{
      {"split", "format", "videos", "usable", "official", "classes", "per class", "unlabelled", "frames"}};
  for (const auto& [dataset, r] : all) {
    rows.push_back({dataset.split, dataset.format, text(r.videos), text(r.usable), r.official ? text(r.official) : "-",
                    text(dataset.labels.size()), text(r.smallest_class, "..", r.largest_class), text(r.unlabelled),
                    r.frames ? text(r.frames, " (", r.fewest_frames, "..", r.most_frames, ")") : "-"});
  }
  print(table(rows));
  std::vector<std::vector<std::string>> bad{{"split", "id", "problem", "what is wrong"}};
  for (const auto& [dataset, report] : all) {
    for (const Problem& p : report.problems) bad.push_back({dataset.split, p.id, problem_name(p.kind), p.sentence});
  }
  if (bad.size() > 1) print("\n" + table(bad));
}

ExitCode run(const Options& options) {
  const Config config = options.config.read().config;
  std::vector<std::string> splits = options.splits;
  if (splits.empty()) splits = {config.data.train_split, config.data.val_split};
  const CheckOptions how{.full = options.full,
                         .workers = static_cast<int>(std::max<std::int64_t>(1, config.data.workers)),
                         .deadline_s = config.data.deadline_s};
  std::vector<Checked> all;
  std::size_t problems = 0;
  std::int64_t videos = 0;
  for (const std::string& split : splits) {
    Checked& checked = all.emplace_back();
    checked.dataset = open_dataset(config.data, split);
    Progress progress(checked.dataset.split, static_cast<long long>(checked.dataset.samples.size()));
    checked.report =
        check_dataset(checked.dataset, how, [&](std::int64_t done, std::int64_t) { progress.update(done); });
    problems += checked.report.problems.size();
    videos += checked.report.videos;
  }
  if (options.json) {
    Json splits_json = Json::array();
    for (const Checked& checked : all) splits_json.push_back(to_json(checked));
    print_json({{"root", config.data.root}, {"problems", problems}, {"splits", splits_json}}, 2);
  } else {
    print_tables(all);
  }
  if (problems == 0) return ExitCode::kDone;
  throw Error(config.data.root, " has ", problems, problems == 1 ? " problem" : " problems", " in ", videos,
              videos == 1 ? " video" : " videos", "; the list is on standard output");
}

}  // namespace

void add_dataset_check(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(group, context, "check", "look at every video of a data set; exit code 1 when some are bad",
                            [options] { return run(*options); });
  options->config.add_to(verb);
  options->config.shortcut(verb, "--data", "data.root", "folder of the data set");
  options->config.shortcut(verb, "--format", "data.format", "how it is laid out");
  options->config.shortcut(verb, "--workers", "data.workers", "threads");
  add_repeatable(verb, "--split", options->splits,
                 "split to check; may be repeated; none: data.train_split and val_split");
  verb.add_flag("--full", options->full, "decode every frame instead of opening the files only");
  verb.add_flag("--json", options->json, "the report as JSON");
}

}  // namespace trecvit::tools
