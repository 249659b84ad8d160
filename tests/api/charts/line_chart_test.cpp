#include "api/charts/line_chart.h"

#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace orthant {
namespace {

std::vector<std::string> all_matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) found.push_back((*match)[1]);
  return found;
}

LineChart chart_of(std::vector<ChartPoint> points) {
  return {.title = "a < b",
          .lines = {"one"},
          .x = {"x", 0, 10, {{0, "0"}, {10, "10"}}},
          .y = {"y", 0, 4, {{0, "0"}, {4, "four"}}},
          .curves = {{"line & more", 2, std::move(points)}},
          .mark = ChartMark{5, "here"}};
}

TEST(LineChart, PutsPointsWhereTheAxesSay) {
  const std::string svg = to_svg(chart_of({{0, 0, "low"}, {5, 2, "middle"}, {10, 4, "high"}, {20, 9, "out"}}));
  const auto x = all_matches(svg, R"re(<circle class="s2" cx="([0-9.]+)")re");
  const auto y = all_matches(svg, R"re(<circle class="s2" cx="[0-9.]+" cy="([0-9.]+)")re");
  ASSERT_EQ(x.size(), 4U);
  EXPECT_NEAR(std::stod(x[1]), (std::stod(x[0]) + std::stod(x[2])) / 2, 0.2);
  EXPECT_NEAR(std::stod(y[1]), (std::stod(y[0]) + std::stod(y[2])) / 2, 0.2);
  EXPECT_GT(std::stod(y[0]), std::stod(y[2]));  // upwards
  EXPECT_EQ(x[3], x[2]);                        // kept on the paper
  EXPECT_EQ(y[3], y[2]);
  const auto mark = all_matches(svg, R"re(stroke-dasharray="5 4" x1="([0-9.]+)")re");
  ASSERT_EQ(mark.size(), 1U);
  EXPECT_EQ(mark[0], x[1]);
}

TEST(LineChart, EscapesTextAndDrawsNoLineThroughOnePoint) {
  const std::string svg = to_svg(chart_of({{1, 1, "<only>"}}));
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_NE(svg.find("line &amp; more: &lt;only&gt;"), std::string::npos);
  EXPECT_EQ(svg.find("<polyline"), std::string::npos);
  EXPECT_NE(to_svg(chart_of({{1, 1, ""}, {2, 2, ""}})).find("<polyline class=\"l2\""), std::string::npos);
}

}  // namespace
}  // namespace orthant
