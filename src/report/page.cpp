#include "report/page.h"

#include <algorithm>

#include "core/error.h"
#include "report/html.h"
#include "report/page_assets.h"

namespace trecvit::report {
namespace {

bool is_number(const std::string& cell) {
  const bool digits = cell.find_first_of("0123456789") != std::string::npos;
  return cell.empty() || cell == "–" || cell == "-" ||
         (digits && cell.find_first_not_of("0123456789.,+-eE %x×") == std::string::npos);
}

std::vector<bool> number_columns(const Table& table) {
  std::vector<bool> numbers(table.header.size(), !table.rows.empty());
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) numbers[c] = numbers[c] && is_number(row[c]);
  }
  return numbers;
}

std::string clip_element(const Clip& clip) {
  if (clip.type != "video/webm" && clip.type != "video/mp4" && !clip.bytes.empty()) {
    throw InternalError("a clip's type is ", clip.type, "; it must be video/webm or video/mp4");
  }
  const bool right = clip.verdict == Clip::Verdict::kRight, wrong = clip.verdict == Clip::Verdict::kWrong;
  const std::string poster = clip.poster_png.empty() ? "" : data_uri("image/png", clip.poster_png);
  std::string html = text("<figure class=\"clip",
                          right   ? " right"
                          : wrong ? " wrong"
                                  : "",
                          "\" data-cell=\"", clip.label, ",", clip.answer, "\">");
  if (clip.bytes.empty()) {
    html += "<img src=\"" + poster + "\" alt=\"first frame\">";
  } else {
    html += "<video controls loop muted playsinline preload=\"metadata\" aria-label=\"" + escape(clip.caption) + "\"" +
            (poster.empty() ? "" : " poster=\"" + poster + "\"") + " src=\"" + data_uri(clip.type, clip.bytes) +
            "\"></video>";
  }
  html += "<figcaption>";
  if (right) html += "<b class=\"verdict\">✓ right</b> ";
  if (wrong) html += "<b class=\"verdict\">✗ wrong</b> ";
  return html + escape(clip.caption) + "</figcaption></figure>";
}

}  // namespace

Page::Page(std::string title, std::string subtitle) : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::heading(std::string_view words) {
  sections_.emplace_back(words);
  body_ += text("<h2 id=\"s", sections_.size(), "\">", escape(words), "</h2>\n");
}

void Page::subheading(std::string_view words) { body_ += "<h3>" + escape(words) + "</h3>\n"; }

void Page::paragraph(std::string_view words) { body_ += "<p>" + escape(words) + "</p>\n"; }

void Page::key_figures(const std::vector<std::pair<std::string, std::string>>& figures) {
  body_ += "<dl class=\"key-figures\">";
  for (const auto& [name, value] : figures)
    body_ += "<div><dt>" + escape(name) + "</dt><dd>" + escape(value) + "</dd></div>";
  body_ += "</dl>\n";
}

void Page::table(const Table& table) {
  const std::vector<bool> numbers = number_columns(table);
  const auto cell = [&](const char* tag, std::size_t column, const std::string& words) {
    body_ += text("<", tag, numbers[column] ? " class=\"number\">" : ">", escape(words), "</", tag, ">");
  };
  body_ += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" +
           escape(table.caption.empty() ? "table" : table.caption) + "\"><table>";
  if (!table.caption.empty()) body_ += "<caption>" + escape(table.caption) + "</caption>";
  body_ += "<thead><tr>";
  for (std::size_t c = 0; c < table.header.size(); ++c) cell("th", c, table.header[c]);
  body_ += "</tr></thead><tbody>";
  for (const auto& row : table.rows) {
    ensure(row.size() == table.header.size(), "a row of a table has ", row.size(), " cells, its header ",
           table.header.size());
    body_ += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) cell("td", c, row[c]);
    body_ += "</tr>";
  }
  body_ += "</tbody></table></div>\n";
}

void Page::listing(std::string_view title, std::string_view words) {
  body_ +=
      "<details><summary>" + escape(title) + "</summary><pre tabindex=\"0\">" + escape(words) + "</pre></details>\n";
}

void Page::pictures(const std::vector<Picture>& pictures) {
  body_ += "<div class=\"pictures\">";
  for (const Picture& picture : pictures) {
    body_ += "<figure><img src=\"" + data_uri("image/png", picture.png) + "\" alt=\"" + escape(picture.alt) +
             "\" loading=\"lazy\"><figcaption>" + escape(picture.caption) + "</figcaption></figure>";
  }
  body_ += "</div>\n";
}

void Page::clips(std::string_view id, const std::vector<Clip>& clips) {
  body_ += "<div class=\"clips\" id=\"" + escape(id) +
           "\"><p class=\"controls\"><button type=\"button\" data-do=\"play\">Play all</button> "
           "<button type=\"button\" data-do=\"all\" hidden>Show all clips</button> <span class=\"picked\" "
           "aria-live=\"polite\"></span></p><div class=\"films\">";
  for (const Clip& clip : clips) body_ += clip_element(clip);
  body_ += "</div></div>\n";
}

std::string Page::html() const {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      // The browser itself then refuses any request to the outside.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; media-src data:; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>" +
      escape(title_) + "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>" + kPageStyle +
      "</style></head>\n<body><header><h1>" + escape(title_) + "</h1>";
  if (!subtitle_.empty()) out += "<p class=\"subtitle\">" + escape(subtitle_) + "</p>";
  if (sections_.size() > 1) {
    out += "<nav aria-label=\"Sections\"><ul>";
    for (std::size_t i = 0; i < sections_.size(); ++i)
      out += text("<li><a href=\"#s", i + 1, "\">", escape(sections_[i]), "</a></li>");
    out += "</ul></nav>";
  }
  return out + "</header>\n<main>\n" + body_ + "</main>\n<script>" + kPageScript + "</script>\n</body></html>\n";
}

}  // namespace trecvit::report
