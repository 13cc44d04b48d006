#include <algorithm>
#include <numeric>

#include "core/log.h"
#include "tools/commands/eval/eval_tables.h"
#include "tools/cli/output.h"

namespace trecvit::tools {
namespace {

constexpr std::size_t kShown = 5;

std::string percent(double share) { return fixed(100 * share, 2) + " %"; }

struct Count {
  std::size_t of = 0, as = 0;
  std::int64_t hits = 0, total = 0;
};

std::string worst_classes(const EvalReport& report, const std::vector<std::string>& labels) {
  std::vector<Count> classes;
  for (std::size_t c = 0; c < report.confusion.size(); ++c) {
    const auto& row = report.confusion[c];
    const auto total = std::accumulate(row.begin(), row.end(), std::int64_t{0});
    if (total > 0) classes.push_back({.of = c, .hits = row[c], .total = total});
  }
  std::stable_sort(classes.begin(), classes.end(),
                   [](const Count& a, const Count& b) { return a.hits * b.total < b.hits * a.total; });
  std::vector<std::vector<std::string>> rows{{"recognised worst", "right", "of"}};
  for (std::size_t i = 0; i < std::min(kShown, classes.size()); ++i)
    rows.push_back({labels[classes[i].of], text(classes[i].hits), text(classes[i].total)});
  return rows.size() > 1 ? "\n" + text_table(rows) : "";
}

std::string confused_pairs(const EvalReport& report, const std::vector<std::string>& labels) {
  std::vector<Count> pairs;
  for (std::size_t c = 0; c < report.confusion.size(); ++c) {
    for (std::size_t k = 0; k < report.confusion[c].size(); ++k) {
      if (k != c && report.confusion[c][k] > 0) pairs.push_back({.of = c, .as = k, .hits = report.confusion[c][k]});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Count& a, const Count& b) { return a.hits > b.hits; });
  std::vector<std::vector<std::string>> rows{{"confused most", "taken for", "times"}};
  for (std::size_t i = 0; i < std::min(kShown, pairs.size()); ++i)
    rows.push_back({labels[pairs[i].of], labels[pairs[i].as], text(pairs[i].hits)});
  return rows.size() > 1 ? "\n" + text_table(rows) : "";
}

}  // namespace

std::string eval_tables(const EvalReport& report, const std::vector<std::string>& labels) {
  std::string out = text_table({{"top-1", percent(report.top1)},
                           {"top-5", percent(report.top5)},
                           {"mean over classes", percent(report.mean_class)},
                           {"loss", fixed(report.loss, 4)},
                           {"videos", text(report.n)},
                           {"missing", text(report.missing)}});
  return out + worst_classes(report, labels) + confused_pairs(report, labels);
}

ExitCode gate(const EvalReport& report, double fail_under) {
  if (fail_under < 0 || report.top1 >= fail_under) return ExitCode::kDone;
  log_error(text("top-1 is ", report.top1, "; it must be at least ", fail_under));
  return ExitCode::kBelowGate;
}

}  // namespace trecvit::tools
