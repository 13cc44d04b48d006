#include <algorithm>
#include <memory>

#include "core/file.h"
#include "core/log.h"
#include "data/datasets/check.h"
#include "data/datasets/csv.h"
#include "data/datasets/official.h"
#include "tools/cli/config_options.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  ConfigOptions config;
  std::vector<std::string> splits;
  std::int64_t min_frames = 1;
  std::string bad_list;
  bool full = false;
  bool json = false;
};

struct Checked {
  Dataset dataset;
  CheckReport report;
};

std::vector<std::string> names_of(const std::vector<std::int64_t>& classes, const std::vector<std::string>& labels) {
  std::vector<std::string> names;
  for (const std::int64_t c : classes) names.push_back(labels.at(static_cast<std::size_t>(c)));
  return names;
}

// Classes that cannot be learnt, for the training split has no video of them.
std::vector<std::string> unlearnable(const Checked& checked) {
  if (checked.dataset.split != "train" || checked.report.classes.unlabelled == checked.report.videos) return {};
  return names_of(checked.report.empty_classes, checked.dataset.labels);
}

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
          {"coverage", coverage(checked.dataset, report.usable)},
          {"classes", checked.dataset.labels.size()},
          {"unlabelled", report.classes.unlabelled},
          {"smallest_class", report.classes.smallest},
          {"largest_class", report.classes.largest},
          {"empty_classes", names_of(report.empty_classes, checked.dataset.labels)},
          {"frames", report.frames},
          {"fewest_frames", report.fewest_frames},
          {"most_frames", report.most_frames},
          {"class_counts", report.classes.videos},
          {"problems", problems}};
}

void print_tables(const std::vector<Checked>& all) {
  std::vector<std::vector<std::string>> rows{
      {"split", "format", "videos", "usable", "official", "classes", "per class", "unlabelled", "frames"}};
  for (const auto& [dataset, r] : all) {
    rows.push_back({dataset.split, dataset.format, text(r.videos), text(r.usable), r.official ? text(r.official) : "-",
                    text(dataset.labels.size()), text(r.classes.smallest, "..", r.classes.largest),
                    text(r.classes.unlabelled),
                    r.frames ? text(r.frames, " (", r.fewest_frames, "..", r.most_frames, ")") : "-"});
  }
  print(text_table(rows));
  for (const auto& [dataset, report] : all) {
    if (const std::string sentence = coverage(dataset, report.usable); !sentence.empty()) print(sentence + "\n");
  }
  std::vector<std::vector<std::string>> bad{{"split", "id", "problem", "what is wrong"}};
  for (const auto& [dataset, report] : all) {
    for (const Problem& p : report.problems) bad.push_back({dataset.split, p.id, problem_name(p.kind), p.sentence});
  }
  for (const Checked& checked : all) {
    for (const std::string& name : unlearnable(checked))
      bad.push_back({checked.dataset.split, "-", "empty class", "the class \"" + name + "\" has no video"});
  }
  if (bad.size() > 1) print("\n" + text_table(bad));
}

// split, id, kind, path and sentence, with tabs between: for grep, cut and rm. A tab or line feed in a name becomes \t
// or \n.
void write_bad_list(const std::string& path, const std::vector<Checked>& all) {
  std::string lines;
  for (const auto& [dataset, report] : all) {
    for (const Problem& p : report.problems)
      lines += datasets::tab_line({dataset.split, p.id, problem_name(p.kind), p.path.string(), p.sentence}) + "\n";
  }
  write_file(path, lines);
}

ExitCode run(const Options& options) {
  const Config config = options.config.read().config;
  std::vector<std::string> splits = options.splits;
  if (splits.empty()) splits = {config.data.train_split, config.data.val_split};
  const CheckOptions how{.full = options.full,
                         .workers = static_cast<int>(std::max<std::int64_t>(1, config.data.workers)),
                         .deadline_s = config.data.deadline_s,
                         .min_frames = options.min_frames};
  if (!options.bad_list.empty()) check_output_file(options.bad_list);
  std::vector<Checked> all;
  std::size_t problems = 0;
  std::int64_t videos = 0;
  for (const std::string& split : splits) {
    Checked& checked = all.emplace_back();
    checked.dataset = open_dataset(config.data, split);
    Progress progress(checked.dataset.split, static_cast<long long>(checked.dataset.samples.size()));
    checked.report =
        check_dataset(checked.dataset, how, [&](std::int64_t done, std::int64_t) { progress.update(done); });
    for (std::size_t k = 0; k + 1 < all.size(); ++k)
      find_shared(all[k].dataset, all[k].report, checked.dataset, checked.report);
    problems += checked.report.problems.size() + unlearnable(checked).size();
    videos += checked.report.videos;
  }
  if (!options.bad_list.empty()) write_bad_list(options.bad_list, all);
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
  verb.add_option("--min-frames", options->min_frames, "with --full: a video of fewer frames is too short")
      ->check(CLI::PositiveNumber);
  verb.add_option("--bad-list", options->bad_list,
                  "file for one line per problem: split, id, problem, path, sentence, with tabs between; in names "
                  "\\t, \\n, \\r and \\\\ stand for tab, line feed, carriage return and backslash");
  verb.add_flag("--json", options->json, "the report as JSON");
}

}  // namespace trecvit::tools
