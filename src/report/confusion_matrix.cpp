#include <algorithm>
#include <array>

#include "core/error.h"
#include "report/figures.h"
#include "report/html.h"

namespace trecvit::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kLevels = 8;                    // of colour, classes l1..l8 of the page's style
constexpr std::size_t kMostNamedRows = 40;    // beyond, names would be too small to read
constexpr std::size_t kMostCountedRows = 16;  // counts fit into the cells
constexpr std::size_t kMostConfusions = 20;

struct Confusion {
  std::int64_t count;
  std::size_t right, answer;
};

// The pairs of classes confused most often, as a table: also for those who cannot see the colours.
std::string largest_confusions(const ConfusionMatrix& matrix) {
  std::vector<Confusion> pairs;
  for (std::size_t r = 0; r < matrix.counts.size(); ++r) {
    for (std::size_t a = 0; a < matrix.counts[r].size(); ++a) {
      if (r != a && matrix.counts[r][a] > 0) pairs.push_back({matrix.counts[r][a], r, a});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Confusion& a, const Confusion& b) { return a.count > b.count; });
  if (pairs.size() > kMostConfusions) pairs.resize(kMostConfusions);
  if (pairs.empty()) return "";
  std::string html =
      "<details><summary>Largest confusions</summary><div class=\"scroll\"><table><thead><tr><th>Right class</th>"
      "<th>Answer</th><th class=\"number\">Videos</th></tr></thead><tbody>";
  for (const Confusion& pair : pairs) {
    html += "<tr><td>" + escape(matrix.labels[pair.right]) + "</td><td>" + escape(matrix.labels[pair.answer]) +
            "</td><td class=\"number\">" + text(pair.count) + "</td></tr>";
  }
  return html + "</tbody></table></div></details>";
}

}  // namespace

std::string confusion_matrix(const ConfusionMatrix& matrix) {
  const std::size_t n = matrix.labels.size();
  ensure(matrix.counts.size() == n, "a confusion matrix of ", n, " labels has ", matrix.counts.size(), " rows");
  std::array<std::string, kLevels + 1> right, wrong;  // cells of a colour as one path
  std::string counts, names, columns;
  Json data{
      {"labels", Json::array()}, {"cells", Json::array()}, {"totals", Json::array()}, {"clips", utf8(matrix.clips)}};
  for (std::size_t r = 0; r < n; ++r) {
    ensure(matrix.counts[r].size() == n, "row ", r, " of a confusion matrix has ", matrix.counts[r].size(),
           " cells, not ", n);
    std::int64_t total = 0;
    for (const std::int64_t count : matrix.counts[r]) total += count;
    data["labels"].push_back(utf8(matrix.labels[r]));
    data["totals"].push_back(total);
    for (std::size_t a = 0; a < n; ++a) {
      const std::int64_t count = matrix.counts[r][a];
      if (count <= 0) continue;
      const auto level =
          static_cast<std::size_t>(std::clamp<std::int64_t>((count * kLevels + total - 1) / total, 1, kLevels));
      (r == a ? right : wrong)[level] += text("M", a, " ", r, "h1v1h-1z");
      data["cells"].push_back({r, a, count});
      if (n <= kMostCountedRows) {
        counts += text("<text x=\"", a, ".5\" y=\"", r, ".5\" class=\"", level > kLevels / 2 ? "strong" : "weak", "\">",
                       count, "</text>");
      }
    }
    if (n <= kMostNamedRows) {
      names += text("<li title=\"", escape(matrix.labels[r]), "\"><span>", escape(matrix.labels[r]), "</span><b>", r,
                    "</b></li>");
      columns += text("<li>", r, "</li>");
    }
  }
  std::string html = "<figure class=\"chart matrix\"><figcaption>" + escape(matrix.title) +
                     "</figcaption><p class=\"hint\">Rows: the right class. Columns: the answer, in the same "
                     "order.</p><div class=\"cells\">";
  if (!names.empty()) html += "<ol class=\"names\" aria-hidden=\"true\">" + names + "</ol>";
  html += text("<svg viewBox=\"0 0 ", n, " ", n, "\" tabindex=\"0\" role=\"img\" aria-label=\"", escape(matrix.title),
               "; arrow keys move over the cells\">");
  for (std::size_t level = 1; level <= kLevels; ++level) {
    if (!right[level].empty()) html += text("<path class=\"right l", level, "\" d=\"", right[level], "\"/>");
    if (!wrong[level].empty()) html += text("<path class=\"wrong l", level, "\" d=\"", wrong[level], "\"/>");
  }
  html += counts + "<rect class=\"cursor\" width=\"1\" height=\"1\" visibility=\"hidden\"/></svg>";
  if (!columns.empty()) html += "<ol class=\"columns\" aria-hidden=\"true\">" + columns + "</ol>";
  html += "</div>";
  html += "<p class=\"readout\" aria-live=\"polite\"></p>" + largest_confusions(matrix);
  return html + json_element(data) + "</figure>\n";
}

}  // namespace trecvit::report
