#pragma once
// BarChart: horizontal bars with labels as an SVG document of its own: no scripts, no fonts or files from elsewhere, and readable
// on light and dark paper (it follows the reader's prefers-color-scheme). Free functions over plain values.

#include <cstddef>
#include <string>
#include <vector>

namespace orthant {

struct ChartBar {
  std::string label;
  double value = 0;        // 0 or more
  std::size_t series = 0;  // which colour; below kChartSeries
  std::string note;        // written behind the bar, so that colour is never all that tells bars apart
};

inline constexpr std::size_t kChartSeries = 6;

struct BarChart {
  std::string title;
  std::vector<std::string> lines;   // below the title, one a line
  std::string axis;                 // what the bars' lengths mean
  std::vector<std::string> series;  // names for the legend, at most kChartSeries; those without a bar are left out
  std::vector<ChartBar> bars;
};

std::string to_svg(const BarChart& chart);

}  // namespace orthant
