#include "tools/commands/bench/report.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "tools/cli/output.h"
#include "tools/cli/version.h"

namespace trecvit::tools {
namespace {

// Work over the median time, as a share of the ceiling; null where either is not told.
Json share(const BenchRow& row, double work, double ceiling) {
  if (work <= 0 || ceiling <= 0) return nullptr;
  return work / (quantile(row.ms, 0.5) * 1e-3) / ceiling;
}

std::string percent(const Json& share) { return share.is_null() ? "" : fixed(100 * share.get<double>(), 1) + " %"; }

// Four digits that count.
std::string digits(double value) {
  const int before = value > 0 ? static_cast<int>(std::floor(std::log10(value))) + 1 : 1;
  return fixed(value, std::clamp(4 - before, 0, 6));
}

}  // namespace

double quantile(std::vector<double> values, double share) {
  ensure(!values.empty(), "a quantile of nothing");
  const auto at = static_cast<std::ptrdiff_t>(std::llround(share * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

void check_bench_format(const std::string& format) {
  if (format != "table" && format != "json") throw UsageError("--format is ", format, "; it must be table or json");
}

void print_bench(const BenchReport& report, const std::string& format) {
  Json rows = Json::array();
  std::vector<std::vector<std::string>> lines{
      {"what", "", "", "p50 ms", "p90 ms", "p99 ms", "MFU", "bandwidth", "peak GiB"}};
  for (const BenchRow& row : report.rows) {
    const double p50 = quantile(row.ms, 0.5), p90 = quantile(row.ms, 0.9), p99 = quantile(row.ms, 0.99);
    const Json mfu = share(row, row.flops, report.flops_per_s), bandwidth = share(row, row.bytes, report.bytes_per_s);
    rows.push_back({{"name", row.name},
                    {"value", row.value},
                    {"unit", row.unit},
                    {"p50", p50},
                    {"p90", p90},
                    {"p99", p99},
                    {"mfu", mfu},
                    {"bandwidth", bandwidth},
                    {"peak_bytes", row.peak_bytes},
                    {"device", report.device},
                    {"commit", git_commit()}});
    lines.push_back({row.name, digits(row.value), row.unit, digits(p50), digits(p90), digits(p99), percent(mfu),
                     percent(bandwidth), fixed(static_cast<double>(row.peak_bytes) / (1 << 30), 2)});
  }
  if (format == "json") return print_json(rows, 2);
  std::string remarks;
  for (const std::string& remark : report.remarks) remarks += remark + "\n";
  print(text_table(lines) + remarks + text(report.device, ", commit ", git_commit(), "\n"));
}

}  // namespace trecvit::tools
