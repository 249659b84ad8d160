#include "api/charts/bar_chart.h"

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace orthant {
namespace {

BarChart chart_of(std::vector<ChartBar> bars) {
  return {.title = "Layers & <choices>",
          .lines = {"one line", "another"},
          .axis = "harm",
          .series = {"float32", "int8", "int4"},
          .bars = std::move(bars)};
}

std::vector<std::string> all_matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) found.push_back((*match)[1]);
  return found;
}

TEST(BarChart, LengthsAreInProportionAndColoursFollowTheSeries) {
  const std::string svg = to_svg(chart_of({{"a", 2, 1, "int8"}, {"b", 1, 2, "int4"}, {"c", 0, 0, "float32"}}));
  const auto widths = all_matches(svg, R"re(<rect class="s\d" x="\d+" y="\d+" width="([0-9.]+)" height="14")re");
  ASSERT_EQ(widths.size(), 3U);
  EXPECT_NEAR(std::stod(widths[0]), 2 * std::stod(widths[1]), 0.2);
  EXPECT_EQ(std::stod(widths[2]), 1);  // nothing is still to be seen
  EXPECT_EQ(all_matches(svg, R"re(<rect class="s(\d)" x="\d+" y="\d+" width="[0-9.]+" height="14")re"),
            (std::vector<std::string>{"1", "2", "0"}));
}

TEST(BarChart, EveryTagIsClosedAndTextIsEscaped) {
  const std::string svg = to_svg(chart_of({{"a<b>&\"c\"", 0.031, 0, "n\x01o"}}));
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z]+)[^>]*?(/?)>");
  for (std::sregex_iterator match(svg.begin(), svg.end(), tag), end; match != end; ++match) {
    if ((*match)[3] == "/") continue;
    if ((*match)[1] != "/") {
      open.push_back((*match)[2]);
      continue;
    }
    ASSERT_FALSE(open.empty());
    EXPECT_EQ(open.back(), (*match)[2]);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
  EXPECT_NE(svg.find("a&lt;b&gt;&amp;&quot;c&quot;"), std::string::npos);
  EXPECT_NE(svg.find("Layers &amp; &lt;choices&gt;"), std::string::npos);
  EXPECT_EQ(svg.find('\x01'), std::string::npos);
}

TEST(BarChart, IsMadeForDarkPaperToo) {
  const std::string svg = to_svg(chart_of({{"a", 1, 0, ""}}));
  EXPECT_NE(svg.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_NE(svg.find("class=\"paper\""), std::string::npos);
  // Two colours for every series: one a paper.
  for (std::size_t series = 0; series < kChartSeries; ++series) {
    EXPECT_EQ(all_matches(svg, "(\\.s" + std::to_string(series) + " \\{)").size(), 2U);
  }
}

TEST(BarChart, TheLegendNamesOnlyWhatIsShown) {
  const std::string svg = to_svg(chart_of({{"a", 1, 1, "x"}}));
  EXPECT_NE(svg.find(">int8<"), std::string::npos);
  EXPECT_EQ(svg.find(">int4<"), std::string::npos);
}

TEST(BarChart, WithoutBarsOrValuesItIsStillADocument) {
  for (const auto& chart : {chart_of({}), chart_of({{"a", 0, 0, ""}})}) {
    const std::string svg = to_svg(chart);
    EXPECT_TRUE(svg.starts_with("<svg "));
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

}  // namespace
}  // namespace orthant
