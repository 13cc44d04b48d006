#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>

#include "core/file.h"
#include "core/log.h"
#include "data/datasets/stats.h"
#include "tools/commands/bench/report.h"
#include "report/chart.h"
#include "tools/cli/config_options.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  ConfigOptions config;
  std::vector<std::string> splits;
  std::string out;
  bool json = false;
};

struct Measured {
  Dataset dataset;
  DatasetStats stats;
};

template <class Member>
std::vector<double> values_of(const DatasetStats& stats, Member VideoFacts::*member) {
  std::vector<double> values;
  for (const VideoFacts& facts : stats.facts) {
    if (facts.*member > 0) values.push_back(static_cast<double>(facts.*member));
  }
  return values;
}

std::vector<double> short_sides(const DatasetStats& stats) {
  std::vector<double> values;
  for (const VideoFacts& facts : stats.facts) values.push_back(std::min(facts.width, facts.height));
  return values;
}

Json spread(const std::vector<double>& values) {
  Json told{{"n", values.size()}, {"sum", std::accumulate(values.begin(), values.end(), 0.0)}};
  for (const auto& [key, share] : {std::pair{"min", 0.0}, {"p10", 0.1}, {"median", 0.5}, {"p90", 0.9}, {"max", 1.0}})
    told[key] = values.empty() ? 0 : quantile(values, share);
  return told;
}

// How many there are of each, the commonest first.
std::vector<std::pair<std::string, std::int64_t>> ranking(const DatasetStats& stats,
                                                          std::string (*of)(const VideoFacts&)) {
  std::map<std::string, std::int64_t> counts;
  for (const VideoFacts& facts : stats.facts) ++counts[of(facts)];
  std::vector<std::pair<std::string, std::int64_t>> ranked(counts.begin(), counts.end());
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return ranked;
}

std::string codec_of(const VideoFacts& facts) { return facts.codec; }
std::string size_of(const VideoFacts& facts) { return text(facts.width, "x", facts.height); }
std::string rate_of(const VideoFacts& facts) { return fixed(facts.fps, facts.fps == std::round(facts.fps) ? 0 : 2); }

Json object_of(const std::vector<std::pair<std::string, std::int64_t>>& ranked) {
  Json object = Json::object();
  for (const auto& [name, count] : ranked) object[name] = count;
  return object;
}

// Two to the entropy of the labels over the number of classes: 1 when all classes are equally large.
double balance(const std::vector<std::int64_t>& counts) {
  double total = 0, entropy = 0;
  for (const std::int64_t count : counts) total += static_cast<double>(count);
  for (const std::int64_t count : counts) {
    const double share = static_cast<double>(count) / std::max(total, 1.0);
    if (share > 0) entropy -= share * std::log2(share);
  }
  return counts.empty() || total == 0 ? 0 : std::exp2(entropy) / static_cast<double>(counts.size());
}

Json to_json(const Measured& m) {
  const auto& counts = m.stats.classes.videos;
  return {{"split", m.dataset.split},
          {"format", m.dataset.format},
          {"videos", m.stats.videos},
          {"readable", m.stats.facts.size()},
          {"duration_s", spread(values_of(m.stats, &VideoFacts::duration_s))},
          {"frames", spread(values_of(m.stats, &VideoFacts::frames))},
          {"fps", spread(values_of(m.stats, &VideoFacts::fps))},
          {"short_side", spread(short_sides(m.stats))},
          {"bytes", spread(values_of(m.stats, &VideoFacts::bytes))},
          {"codecs", object_of(ranking(m.stats, codec_of))},
          {"sizes", object_of(ranking(m.stats, size_of))},
          {"rates", object_of(ranking(m.stats, rate_of))},
          {"classes", counts.size()},
          {"smallest_class", m.stats.classes.smallest},
          {"largest_class", m.stats.classes.largest},
          {"balance", balance(counts)},
          {"unlabelled", m.stats.classes.unlabelled},
          {"class_counts", counts}};
}

std::string commonest(const std::vector<std::pair<std::string, std::int64_t>>& ranked) {
  constexpr std::size_t kShown = 3;
  std::string words;
  for (std::size_t i = 0; i < std::min(kShown, ranked.size()); ++i)
    words += text(i ? ", " : "", ranked[i].first, " (", ranked[i].second, ")");
  return ranked.size() > kShown ? text(words, ", ", ranked.size() - kShown, " more") : words;
}

void print_tables(const Measured& m) {
  const DatasetStats& stats = m.stats;
  std::vector<std::vector<std::string>> rows{{m.dataset.split, "min", "10 %", "median", "90 %", "max", "sum"}};
  const auto row = [&](const std::string& name, const std::vector<double>& values, int digits, bool sum) {
    const Json s = spread(values);
    rows.push_back({name});
    for (const char* key : {"min", "p10", "median", "p90", "max", "sum"})
      rows.back().push_back(std::string(key) == "sum" && !sum ? "" : fixed(s[key], digits));
  };
  row("seconds", values_of(stats, &VideoFacts::duration_s), 2, true);
  row("frames", values_of(stats, &VideoFacts::frames), 0, true);
  row("frames/s", values_of(stats, &VideoFacts::fps), 2, false);
  row("short side", short_sides(stats), 0, false);
  row("bytes", values_of(stats, &VideoFacts::bytes), 0, true);
  const std::vector<std::int64_t>& counts = stats.classes.videos;
  std::vector<double> per_class(counts.begin(), counts.end());
  row("videos/class", per_class, 0, true);
  print(text_table(rows));
  print(text_table({{"videos",
                text(stats.videos, ", ", stats.facts.size(), " readable, ", stats.classes.unlabelled, " unlabelled")},
               {"codecs", commonest(ranking(stats, codec_of))},
               {"sizes", commonest(ranking(stats, size_of))},
               {"rates", commonest(ranking(stats, rate_of))},
               {"balance", fixed(balance(counts), 3) + " of equally large classes"}}) +
        "\n");
}

void write_pictures(const std::string& folder, const Measured& m) {
  const std::string name = folder + "/" + m.dataset.split + "_";
  const std::string of = " of " + text(m.stats.facts.size()) + " videos (" + m.dataset.split + ")";
  write_histogram(name + "durations.png", "Durations" + of, "seconds", values_of(m.stats, &VideoFacts::duration_s));
  write_histogram(name + "frames.png", "Frames" + of, "frames", values_of(m.stats, &VideoFacts::frames));
  write_histogram(name + "rates.png", "Frame rates" + of, "frames per second", values_of(m.stats, &VideoFacts::fps));
  write_histogram(name + "sizes.png", "Short sides" + of, "pixels", short_sides(m.stats));
  std::vector<double> counts(m.stats.classes.videos.begin(), m.stats.classes.videos.end());
  std::sort(counts.rbegin(), counts.rend());
  write_bars(name + "classes.png", "Videos per class (" + m.dataset.split + ")", "classes, the largest first", counts);
}

ExitCode run(const Options& options) {
  const Config config = options.config.read().config;
  std::vector<std::string> splits = options.splits;
  if (splits.empty()) splits = {config.data.train_split, config.data.val_split};
  if (!options.out.empty()) check_output_folder(options.out);
  Json all = Json::array();
  for (const std::string& split : splits) {
    Measured m{.dataset = open_dataset(config.data, split)};
    Progress progress(m.dataset.split, static_cast<long long>(m.dataset.samples.size()));
    m.stats = gather_stats(m.dataset,
                           {.workers = static_cast<int>(std::max<std::int64_t>(1, config.data.workers)),
                            .deadline_s = config.data.deadline_s},
                           [&](std::int64_t done, std::int64_t) { progress.update(done); });
    progress.finish();
    if (!options.out.empty()) write_pictures(options.out, m);
    if (options.json) {
      all.push_back(to_json(m));
    } else {
      print_tables(m);
    }
  }
  if (options.json) print_json({{"root", config.data.root}, {"splits", all}}, 2);
  return ExitCode::kDone;
}

}  // namespace

void add_dataset_stats(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(group, context, "stats", "durations, frame rates, sizes, codecs and class balance",
                            [options] { return run(*options); });
  options->config.add_to(verb);
  options->config.shortcut(verb, "--data", "data.root", "folder of the data set");
  options->config.shortcut(verb, "--format", "data.format", "how it is laid out");
  options->config.shortcut(verb, "--workers", "data.workers", "threads");
  add_repeatable(verb, "--split", options->splits, "split; may be repeated; none: data.train_split and val_split");
  verb.add_option("--out", options->out, "folder for histograms as PNG");
  verb.add_flag("--json", options->json, "as JSON");
}

}  // namespace trecvit::tools
