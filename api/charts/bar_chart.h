#pragma once
// BarChart: horizontal bars with labels as an SVG document (svg_document.h). Free functions over plain values.

#include <cstddef>
#include <string>
#include <vector>

#include "api/charts/svg_document.h"

namespace orthant {

struct ChartBar {
  std::string label;
  double value = 0;        // 0 or more
  std::size_t series = 0;  // which colour; below kChartSeries
  std::string note;        // written behind the bar, so that colour is never all that tells bars apart
};

struct BarChart {
  std::string title;
  std::vector<std::string> lines;   // below the title, one a line
  std::string axis;                 // what the bars' lengths mean
  std::vector<std::string> series;  // names for the legend, at most kChartSeries; those without a bar are left out
  std::vector<ChartBar> bars;
};

std::string to_svg(const BarChart& chart);

}  // namespace orthant
