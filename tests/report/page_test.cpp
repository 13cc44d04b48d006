// A page is whole, safe and self-contained, whatever the texts hold.
#include "report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "report/html.h"

namespace trecvit::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kNasty = "</script><img src=x onerror=alert(1)> & \"quoted\" 'single' \xFF\xC3\xBC\x01 {{x}}";

// A page with one of everything, all texts nasty.
std::string full_page(const std::string& words = kNasty) {
  Page page(words, words);
  page.heading(words);
  page.heading("second");
  page.subheading(words);
  page.paragraph(words);
  page.key_figures({{words, words}});
  page.table({.caption = words, .header = {words, "n"}, .rows = {{words, "12.5 %"}, {words, "–"}}});
  page.listing(words, words);
  page.add(LineChart{.title = words,
                     .x_label = words,
                     .y_label = words,
                     .series = {{.name = words, .x = {0, 1, 2}, .y = {1, std::nan(""), 3}}}});
  page.add(BarChart{.title = words, .unit = words, .bars = {{.label = words, .value = 3, .note = words}}});
  page.add(ConfusionMatrix{.title = words, .labels = {words, "b"}, .counts = {{3, 1}, {0, 2}}, .clips = "clips"});
  page.pictures({{.png = "PNG bytes", .alt = words, .caption = words}});
  page.clips("clips", {{.bytes = "webm",
                        .type = "video/webm",
                        .poster_png = "p",
                        .caption = words,
                        .verdict = Clip::Verdict::kWrong,
                        .label = 0,
                        .answer = 1}});
  return page.html();
}

// Every element that is opened is closed, in order. False text: what is open or wrong.
std::string unbalanced(const std::string& html) {
  std::vector<std::string> open;
  static const std::regex tag(R"re(<(/?)([a-zA-Z0-9!]+)((?:\s[^<>"]*(?:"[^"]*")?)*)\s*(/?)>)re");
  std::string rest = std::regex_replace(html, std::regex(R"(<(style|script)([^>]*)>[^<]*</\1>)"), "");
  for (std::sregex_iterator i(rest.begin(), rest.end(), tag), end; i != end; ++i) {
    const std::string name = (*i)[2];
    if (name == "!DOCTYPE" || name == "meta" || name == "link" || name == "img" || (*i)[4] == "/") continue;
    if ((*i)[1] == "") {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> closes <" + (open.empty() ? "nothing" : open.back()) + ">";
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> stays open";
}

TEST(ReportHtml, TextIsEscapedAndMadeUtf8) {
  EXPECT_EQ(escape("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  EXPECT_EQ(escape("M\xC3\xBCnze \xE6\xAD\xA9 \xF0\x9F\x8E\xAC"), "M\xC3\xBCnze \xE6\xAD\xA9 \xF0\x9F\x8E\xAC");
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(escape("\xFF"), bad);
  EXPECT_EQ(escape("\xC3"), bad) << "cut off";
  EXPECT_EQ(escape("\xC0\xAF"), bad + bad) << "longer than needed";
  EXPECT_EQ(escape("\xED\xA0\x80"), bad + bad + bad) << "a surrogate";
  EXPECT_EQ(escape("\xF4\x90\x80\x80"), bad + bad + bad + bad) << "beyond Unicode";
  EXPECT_EQ(escape(std::string_view("a\0b\x1B\x7F\xC2\x85\n\t", 9)), "a" + bad + "b" + bad + bad + bad + "\n\t");
}

TEST(ReportHtml, BytesBecomeDataUris) {
  EXPECT_EQ(data_uri("image/png", ""), "data:image/png;base64,");
  EXPECT_EQ(data_uri("image/png", "f"), "data:image/png;base64,Zg==");
  EXPECT_EQ(data_uri("image/png", "fo"), "data:image/png;base64,Zm8=");
  EXPECT_EQ(data_uri("video/mp4", "foobar"), "data:video/mp4;base64,Zm9vYmFy");
  EXPECT_EQ(data_uri("x", "\xFF\xFE\xFD"), "data:x;base64,//79");
}

TEST(ReportHtml, JsonCannotEndItsElement) {
  const std::string element = json_element({{"name", "</script><!--"}});
  EXPECT_EQ(element, "<script type=\"application/json\">{\"name\":\"\\u003c/script>\\u003c!--\"}</script>");
  EXPECT_NO_THROW(json_element({{"name", "\xFF"}}));
}

TEST(ReportHtml, NumbersAreShort) {
  EXPECT_EQ(short_number(0.0125), "0.0125");
  EXPECT_EQ(short_number(12345.6), "12,346");
  EXPECT_EQ(short_number(-1234567), "-1,234,567");
  EXPECT_EQ(short_number(-123), "-123");
  EXPECT_EQ(short_number(-100000), "-100,000");
  EXPECT_EQ(short_number(3.4e9), "3.4e+09");
  EXPECT_EQ(short_number(std::nan("")), "–");
}

TEST(ReportPage, NothingOfANastyTextIsMarkup) {
  const std::string html = full_page();
  EXPECT_THAT(html, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(html, Not(HasSubstr("\xFF")));
  EXPECT_THAT(html,
              HasSubstr("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; &amp; &quot;quoted&quot; &#39;single&#39;"));
  EXPECT_EQ(html.find(kNasty.substr(0, 10) + "<img"), std::string::npos);
  EXPECT_EQ(unbalanced(html), "");
  EXPECT_EQ(utf8(html), html);
}

TEST(ReportPage, AsksForNothingFromOutside) {
  const std::string html = full_page("plain");
  static const std::regex outside(
      R"re((src|href|poster|action)="(?!data:|#)[^"]*"|url\(|@import|https?://|fetch\(|XMLHttpRequest)re");
  std::smatch found;
  EXPECT_FALSE(std::regex_search(html, found, outside)) << found.str();
  EXPECT_THAT(html, HasSubstr("default-src 'none'; img-src data:; media-src data:"));
}

TEST(ReportPage, ServesPhonesDarkModeAndKeyboards) {
  const std::string html = full_page("plain");
  EXPECT_THAT(html, HasSubstr("width=device-width"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(html, HasSubstr("<html lang=\"en\">"));
  EXPECT_THAT(html, HasSubstr("<div class=\"plot\" tabindex=\"0\""));
  EXPECT_THAT(html, HasSubstr("<a href=\"#s2\">second</a>"));
  EXPECT_THAT(html, HasSubstr("<h2 id=\"s2\">second</h2>"));
}

TEST(ReportPage, ColumnsOfNumbersAreSetToTheRight) {
  Page page("t");
  page.table({.header = {"name", "share", "2 words"}, .rows = {{"1a", "12.5 %", "7"}, {"b", "–", "y7"}}});
  EXPECT_THAT(page.html(), HasSubstr("<tr><th>name</th><th class=\"number\">share</th><th>2 words</th></tr>"));
}

TEST(ReportPage, ClipsCarryTheirBytesTypePosterAndCell) {
  Page page("t");
  page.clips("c", {{.bytes = "foobar",
                    .type = "video/mp4",
                    .poster_png = "fo",
                    .caption = "a < b",
                    .verdict = Clip::Verdict::kRight,
                    .label = 3,
                    .answer = 3},
                   {.poster_png = "f", .caption = "no bytes"}});
  const std::string html = page.html();
  EXPECT_THAT(html, HasSubstr("poster=\"data:image/png;base64,Zm8=\" src=\"data:video/mp4;base64,Zm9vYmFy\""));
  EXPECT_THAT(html, HasSubstr("class=\"clip right\" data-cell=\"3,3\""));
  EXPECT_THAT(html, HasSubstr("<img src=\"data:image/png;base64,Zg==\""));
  EXPECT_ANY_THROW(page.clips("d", {{.bytes = "x", .type = "video/x-msvideo"}}));
}

TEST(ReportCharts, LinesPassThroughTheirPointsAndLeaveGaps) {
  const std::string html =
      line_chart({.title = "t",
                  .x_label = "x",
                  .y_label = "y",
                  .series = {{.name = "a", .x = {0, 5, 10}, .y = {0, 10, 5}},
                             {.name = "b", .x = {0, 1, 2, 3, 4}, .y = {1, 2, std::nan(""), 4, std::nan("")}}}});
  EXPECT_THAT(html, HasSubstr("d=\"M0.0 1000.0L500.0 0.0L1000.0 500.0\""));
  EXPECT_THAT(html, HasSubstr("d=\"M0.0 900.0L100.0 800.0M300.0 600.0h0\"")) << "a lonely point is a dot";
  EXPECT_THAT(html, HasSubstr("\"y\":[1.0,2.0,null,4.0,null]"));
}

TEST(ReportCharts, LogarithmicAxesTakeDecadesAndLeaveOutWhatIsNotPositive) {
  const std::string html =
      line_chart({.title = "t", .series = {{.name = "a", .x = {0, 1, 2}, .y = {1, 0, 100}}}, .log_y = true});
  EXPECT_THAT(html, HasSubstr("d=\"M0.0 1000.0h0M1000.0 0.0h0\""));
  EXPECT_THAT(html, HasSubstr("top:50.00%\">10<"));
}

TEST(ReportCharts, EmptyAndConstantDataAreDrawn) {
  const double inf = INFINITY, nan = std::nan("");
  for (const std::vector<double>& y : {std::vector<double>{},
                                       {0},
                                       {7, 7},
                                       {nan, nan},
                                       {inf, -inf},
                                       {-3, -3},
                                       {1e300, -1e300},
                                       {5e-324, 0},
                                       {1, 1 + 1e-15},
                                       {1.7e308, -1.7e308}}) {
    Series series{.name = "a", .y = y};
    for (std::size_t i = 0; i < y.size(); ++i) series.x.push_back(static_cast<double>(i));
    for (const bool logarithmic : {false, true}) {
      const std::string html = line_chart({.title = "t", .series = {series}, .log_y = logarithmic});
      EXPECT_EQ(unbalanced(html), "");
      EXPECT_EQ(html.find("nan"), std::string::npos);
      EXPECT_EQ(html.find("inf"), std::string::npos);
    }
  }
  EXPECT_EQ(unbalanced(line_chart({})), "");
  EXPECT_EQ(unbalanced(bar_chart({.bars = {{.label = "a", .value = nan}, {.label = "b", .value = 0}}})), "");
  EXPECT_EQ(unbalanced(confusion_matrix({})), "");
}

TEST(ReportCharts, ThinningKeepsPeaksAndOrder) {
  Series series{.name = "a"};
  for (int i = 0; i < 100'000; ++i) {
    series.x.push_back(i);
    series.y.push_back(i == 54'321 ? 1000 : i == 76'543 ? -1000 : std::sin(i * 0.01));
  }
  const Series thin = thinned(series, 800);
  EXPECT_LE(thin.x.size(), 800u);
  EXPECT_EQ(*std::max_element(thin.y.begin(), thin.y.end()), 1000);
  EXPECT_EQ(*std::min_element(thin.y.begin(), thin.y.end()), -1000);
  EXPECT_TRUE(std::is_sorted(thin.x.begin(), thin.x.end()));
  EXPECT_EQ(thin.x.front(), 0);
  EXPECT_EQ(thin.x.back(), 99'999);
  EXPECT_LT(line_chart({.series = {series}}).size(), 60'000u);
}

TEST(ReportCharts, TicksAreRoundNumbersThatCoverTheRange) {
  EXPECT_THAT(round_ticks(0, 1, 5), ElementsAre(0, testing::DoubleEq(0.2), testing::DoubleEq(0.4),
                                                testing::DoubleNear(0.6, 1e-12), testing::DoubleEq(0.8), 1));
  EXPECT_THAT(round_ticks(-3, 12, 5), ElementsAre(-5, 0, 5, 10, 15));
  EXPECT_THAT(round_ticks(0.41, 0.43, 4).size(), testing::Le(7u));
}

TEST(ReportCharts, BarsHaveTheLengthOfTheirShare) {
  const std::string html =
      bar_chart({.title = "t",
                 .unit = "%",
                 .bars = {{.label = "a", .value = 25, .note = "1 of 4"}, {.label = "b", .value = 200}},
                 .full = 100});
  EXPECT_THAT(html, HasSubstr("width:25.00%"));
  EXPECT_THAT(html, HasSubstr("width:100.00%"));
  EXPECT_THAT(html, HasSubstr("25 % <small>1 of 4</small>"));
}

TEST(ReportCharts, MatrixCellsAreColouredByTheirShareOfTheRow) {
  const std::string html =
      confusion_matrix({.title = "t", .labels = {"a", "b", "c"}, .counts = {{4, 4, 0}, {0, 8, 0}, {0, 0, 0}}});
  EXPECT_THAT(html, HasSubstr("<path class=\"right l4\" d=\"M0 0h1v1h-1z\"/>"));
  EXPECT_THAT(html, HasSubstr("<path class=\"wrong l4\" d=\"M1 0h1v1h-1z\"/>")) << "x is the answer, y the right class";
  EXPECT_THAT(html, HasSubstr("<path class=\"right l8\" d=\"M1 1h1v1h-1z\"/>"));
  EXPECT_THAT(html, HasSubstr("<td>a</td><td>b</td><td class=\"number\">4</td>"));
  EXPECT_THAT(html, HasSubstr("\"totals\":[8,8,0]"));
}

TEST(ReportCharts, AMatrixOfManyClassesStaysSmall) {
  ConfusionMatrix matrix{.title = "t"};
  for (int i = 0; i < 400; ++i) {
    matrix.labels.push_back("class " + std::to_string(i));
    matrix.counts.emplace_back(400, 0);
    for (int k = 0; k < 20; ++k) matrix.counts.back()[(i + k * k) % 400] = 20 - k;
  }
  EXPECT_LT(confusion_matrix(matrix).size(), 400'000u);
}

}  // namespace
}  // namespace trecvit::report
