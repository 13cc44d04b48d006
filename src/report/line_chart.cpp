#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.h"
#include "report/figures.h"
#include "report/html.h"

namespace trecvit::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostPoints = 800;             // of a series
constexpr int kColours = 8;                          // classes c0..c7 of the page's style
constexpr double kLargest = 1e300, kLeast = 1e-300;  // beyond, ranges would overflow
constexpr double kSide = 1000;                       // of the drawing, stretched to the size on the page

// Where values lie on an axis, 0..1 from its lower end.
struct Axis {
  double low = 0, high = 1;
  bool logarithmic = false;
  std::vector<double> ticks;

  bool shows(double v) const { return std::abs(v) <= kLargest && (!logarithmic || v >= kLeast); }
  double place(double v) const {
    if (logarithmic) return std::log(v / low) / std::log(high / low);
    return (v - low) / (high - low);
  }
};

Axis axis_over(const std::vector<double>& values, bool logarithmic) {
  Axis axis;
  axis.logarithmic = logarithmic;
  bool any = false;
  for (const double v : values) {
    if (!axis.shows(v)) continue;
    axis.low = any ? std::min(axis.low, v) : v;
    axis.high = any ? std::max(axis.high, v) : v;
    any = true;
  }
  if (!any) axis.low = logarithmic ? 1 : 0, axis.high = logarithmic ? 10 : 1;
  if (logarithmic) {
    axis.low = std::pow(10, std::floor(std::log10(axis.low)));
    axis.high = std::max(axis.low * 10, std::pow(10, std::ceil(std::log10(axis.high))));
    const int decades = static_cast<int>(std::lround(std::log10(axis.high / axis.low)));
    for (int k = 0; k <= decades; k += std::max(1, decades / 5)) axis.ticks.push_back(axis.low * std::pow(10, k));
    return axis;
  }
  const double size = std::max(std::abs(axis.low), std::abs(axis.high));
  if (axis.high - axis.low <= size * 1e-9 || size < kLeast) {
    const double half = size < kLeast ? 0.5 : size * 0.1;
    axis.low -= half;
    axis.high += half;
  }
  return axis;
}

std::string path_of(const Series& series, const Axis& x, const Axis& y) {
  std::string path;
  char step[64];
  bool drawing = false, moved = false;  // `moved`: a point without a line so far
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!x.shows(series.x[i]) || !y.shows(series.y[i])) {
      if (moved) path += "h0";
      drawing = moved = false;
      continue;
    }
    moved = !drawing;
    std::snprintf(step, sizeof step, "%c%.1f %.1f", drawing ? 'L' : 'M', x.place(series.x[i]) * kSide,
                  (1 - y.place(series.y[i])) * kSide);
    path += step;
    drawing = true;
  }
  if (moved) path += "h0";  // with round ends a dot
  return path;
}

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double v : values) list.push_back(std::isfinite(v) ? Json(v) : Json(nullptr));
  return list;
}

std::string percent(double share) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.2f%%", share * 100);
  return buffer;
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  const double rough = (high - low) / count, power = std::pow(10, std::floor(std::log10(rough)));
  double step = power * 10;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power * 1.0001) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  for (double k = std::floor(low / step + 1e-9); ticks.empty() || ticks.back() < high - step * 1e-6; ++k)
    ticks.push_back(k * step);
  return ticks;
}

Series thinned(const Series& series, std::size_t most) {
  const std::size_t count = series.x.size();
  if (count <= most || most < 4) return series;
  Series out{.name = series.name};
  const auto add = [&](std::size_t i) {
    out.x.push_back(series.x[i]);
    out.y.push_back(series.y[i]);
  };
  const std::size_t stretches = (most - 2) / 2, inner = count - 2;
  add(0);
  for (std::size_t s = 0; s < stretches; ++s) {
    const std::size_t begin = 1 + s * inner / stretches, end = 1 + (s + 1) * inner / stretches;
    std::size_t least = end, largest = end;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(series.y[i])) continue;
      if (least == end || series.y[i] < series.y[least]) least = i;
      if (largest == end || series.y[i] > series.y[largest]) largest = i;
    }
    if (least == end) {
      add(begin);  // the gap stays
      continue;
    }
    add(std::min(least, largest));
    if (least != largest) add(std::max(least, largest));
  }
  add(count - 1);
  return out;
}

std::string line_chart(const LineChart& chart) {
  std::vector<Series> series;
  std::vector<double> all_x, all_y;
  for (const Series& full : chart.series) {
    ensure(full.x.size() == full.y.size(), "series ", full.name, " has ", full.x.size(), " x and ", full.y.size(),
           " y");
    series.push_back(thinned(full, kMostPoints));
    all_x.insert(all_x.end(), full.x.begin(), full.x.end());
    all_y.insert(all_y.end(), full.y.begin(), full.y.end());
  }
  Axis x = axis_over(all_x, false), y = axis_over(all_y, chart.log_y);
  if (!chart.log_y) {
    y.ticks = round_ticks(y.low, y.high, 5);
    y.low = y.ticks.front();
    y.high = y.ticks.back();
  }
  for (const double tick : round_ticks(x.low, x.high, 4)) {
    if (tick >= x.low && tick <= x.high) x.ticks.push_back(tick);
  }

  std::string html = "<figure class=\"chart lines\"><figcaption>" + escape(chart.title) + "</figcaption>";
  Json data{{"x", {x.low, x.high}}, {"y", {y.low, y.high}}, {"log", y.logarithmic}, {"xLabel", utf8(chart.x_label)}};
  data["series"] = Json::array();
  html += "<ul class=\"legend\">";
  std::string drawing;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const std::string colour = text("c", i % kColours, i >= kColours ? " dashed" : "");
    html += "<li><button type=\"button\" aria-pressed=\"true\"><svg class=\"swatch " + colour +
            "\" viewBox=\"0 0 24 6\" aria-hidden=\"true\"><path d=\"M2 3h20\"/></svg>" + escape(series[i].name) +
            "</button></li>";
    drawing += "<path class=\"" + colour + "\" d=\"" + path_of(series[i], x, y) + "\"/>";
    data["series"].push_back(
        {{"name", utf8(series[i].name)}, {"x", numbers(series[i].x)}, {"y", numbers(series[i].y)}});
  }
  html += "</ul><p class=\"axis-name\">" + escape(chart.y_label) +
          "</p><div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"" +
          escape(chart.title + ", " + chart.y_label + " by " + chart.x_label + "; arrow keys read values") + "\">";
  std::string grid;
  for (const double tick : y.ticks) {
    const std::string top = percent(1 - y.place(tick));
    html += "<span class=\"tick y\" style=\"top:" + top + "\">" + short_number(tick) + "</span>";
    grid += "<i style=\"top:" + top + "\"></i>";
  }
  for (const double tick : x.ticks)
    html += "<span class=\"tick x\" style=\"left:" + percent(x.place(tick)) + "\">" + short_number(tick) + "</span>";
  html += "<div class=\"grid\" aria-hidden=\"true\">" + grid + "</div>";
  html +=
      "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" aria-hidden=\"true\">" + drawing + "</svg></div>";
  html += "<p class=\"axis-name x\">" + escape(chart.x_label) + "</p><p class=\"readout\" aria-live=\"polite\"></p>";
  return html + json_element(data) + "</figure>\n";
}

}  // namespace trecvit::report
