// Charts as HTML: plain structs in, an element out. Drawn as inline SVG that needs no script to be seen; the page's
// script adds values under the pointer and the arrow keys.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trecvit::report {

struct Series {
  std::string name;
  std::vector<double> x, y;  // x rising; a y that is not finite leaves a gap
};

struct LineChart {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  bool log_y = false;  // values that are not positive leave a gap
};

struct Bar {
  std::string label;
  double value = 0;
  std::string note;  // behind the value, such as "12 of 50"
};

struct BarChart {
  std::string title, unit;
  std::vector<Bar> bars;
  double full = 0;  // the value of a whole bar; 0: the largest
};

// counts[right class][answer].
struct ConfusionMatrix {
  std::string title;
  std::vector<std::string> labels;
  std::vector<std::vector<std::int64_t>> counts;
  std::string clips;  // id of the page's clips that a click on a cell picks out; empty: none
};

std::string line_chart(const LineChart& chart);
std::string bar_chart(const BarChart& chart);
std::string confusion_matrix(const ConfusionMatrix& matrix);

// At most `most` points of a series: the first, the last, and the least and the largest of each stretch, so that no peak is
// lost.
Series thinned(const Series& series, std::size_t most);

// About `count` round numbers that cover [low, high].
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace trecvit::report
