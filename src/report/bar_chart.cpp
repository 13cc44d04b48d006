#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.h"
#include "report/figures.h"
#include "report/html.h"

namespace trecvit::report {

std::string bar_chart(const BarChart& chart) {
  double full = chart.full;
  if (!(full > 0)) {
    for (const Bar& bar : chart.bars) full = std::isfinite(bar.value) ? std::max(full, bar.value) : full;
  }
  std::string html = "<figure class=\"chart bars\"><figcaption>" + escape(chart.title) + "</figcaption><dl>";
  for (const Bar& bar : chart.bars) {
    const double share = std::isfinite(bar.value) && full > 0 ? std::clamp(bar.value / full, 0.0, 1.0) : 0;
    char width[32];
    std::snprintf(width, sizeof width, "%.2f%%", share * 100);
    html += "<div><dt title=\"" + escape(bar.label) + "\">" + escape(bar.label) +
            "</dt><dd><span class=\"track\" aria-hidden=\"true\"><i style=\"width:" + width +
            "\"></i></span><span class=\"value\">" + short_number(bar.value) +
            escape(chart.unit.empty() ? "" : " " + chart.unit) +
            (bar.note.empty() ? "" : " <small>" + escape(bar.note) + "</small>") + "</span></dd></div>";
  }
  return html + "</dl></figure>\n";
}

}  // namespace trecvit::report
