#include <algorithm>

#include "runtime/device.h"
#include "tools/commands/doctor/doctor.h"
#include "tools/cli/output.h"
#include "train/golden.h"

namespace trecvit::tools {

ExitCode check_golden_file(const std::string& file, const std::string& device, const std::string& precision,
                           bool json) {
  make_deterministic();
  const at::Device where = parse_device(device);
  const GoldenReport report = check_golden(file, where, parse_precision(precision));
  if (json) {
    Json rows = Json::array();
    for (const GoldenRow& row : report.rows) {
      rows.push_back({{"name", row.name},
                      {"relative", row.relative},
                      {"largest", row.largest},
                      {"tolerance", row.tolerance},
                      {"pass", row.pass}});
    }
    print_json(
        {{"file", file}, {"device", where.str()}, {"precision", precision}, {"pass", report.pass}, {"rows", rows}}, 2);
  } else {
    std::vector<std::vector<std::string>> rows{{"value", "relative", "largest", "tolerance", "passed"}};
    for (const GoldenRow& row : report.rows) {
      rows.push_back({row.name, text(row.relative), text(row.largest), text(row.tolerance), row.pass ? "yes" : "no"});
    }
    print(text_table(rows));
  }
  if (report.pass) return ExitCode::kDone;
  const auto failed =
      std::count_if(report.rows.begin(), report.rows.end(), [](const GoldenRow& row) { return !row.pass; });
  throw Error(failed, " of ", report.rows.size(), " values of ", file, " are out of tolerance on ", where.str());
}

}  // namespace trecvit::tools
