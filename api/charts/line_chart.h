#pragma once
// LineChart: lines through points over two axes as an SVG document (svg_document.h). Positions are linear between the ends of the
// axes: who wants another scale transforms them, and gives ticks that bear the true values. Free functions over plain values.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/charts/svg_document.h"

namespace orthant {

struct ChartTick {
  double position = 0;
  std::string label;
};

struct ChartAxis {
  std::string label;
  double begin = 0;
  double end = 1;  // above `begin`
  std::vector<ChartTick> ticks;
};

struct ChartPoint {
  double x = 0;
  double y = 0;
  std::string note;  // shown when pointed at
};

struct ChartLine {
  std::string name;        // at its last point and in the legend
  std::size_t series = 0;  // which colour; below kChartSeries
  std::vector<ChartPoint> points;
};

struct ChartMark {
  double x = 0;
  std::string label;
};

struct LineChart {
  std::string title;
  std::vector<std::string> lines;  // below the title, one a line
  ChartAxis x;
  ChartAxis y;
  std::vector<ChartLine> curves;
  std::optional<ChartMark> mark;  // an upright line
};

// Points outside of the axes are drawn at their ends.
std::string to_svg(const LineChart& chart);

}  // namespace orthant
