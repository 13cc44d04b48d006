// A report as one HTML file: no outside request, no build step; it opens from disk, on a phone and on a desktop, light
// or dark as the reader's system is, with keyboard and pointer. Every text may hold any bytes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/figures.h"

namespace trecvit::report {

struct Table {
  std::string caption;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // columns of numbers are set to the right
};

struct Picture {
  std::string png;  // bytes of a .png file
  std::string alt;  // for those who cannot see it
  std::string caption;
};

// A video that plays in the page. Browsers play VP9 in WebM and H.264 in MP4, but not MPEG-4 part 2: without a codec of
// theirs the poster stands alone, with a note.
struct Clip {
  std::string bytes;  // of the file; empty: the poster alone
  std::string type;   // "video/webm" or "video/mp4"
  std::string poster_png;
  std::string caption;
  enum class Verdict { kNone, kRight, kWrong } verdict = Verdict::kNone;
  std::int64_t label = -1, answer = -1;  // the cell of a confusion matrix that it belongs to
};

class Page {
 public:
  explicit Page(std::string title, std::string subtitle = "");

  void heading(std::string_view text);  // a section, listed at the top of the page
  void subheading(std::string_view text);
  void paragraph(std::string_view text);
  // The main figures: {"top-1", "81.3 %"}.
  void key_figures(const std::vector<std::pair<std::string, std::string>>& figures);
  void table(const Table& table);
  // Text kept as it is, such as a configuration; folded under its title.
  void listing(std::string_view title, std::string_view text);
  void add(const LineChart& chart) { body_ += line_chart(chart); }
  void add(const BarChart& chart) { body_ += bar_chart(chart); }
  void add(const ConfusionMatrix& matrix) { body_ += confusion_matrix(matrix); }
  void pictures(const std::vector<Picture>& pictures);
  // `id` is what ConfusionMatrix::clips names.
  void clips(std::string_view id, const std::vector<Clip>& clips);

  std::string html() const;

 private:
  std::string title_, subtitle_, body_;
  std::vector<std::string> sections_;
};

}  // namespace trecvit::report
