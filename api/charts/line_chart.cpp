#include "api/charts/line_chart.h"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

namespace orthant {
namespace {

constexpr int kWidth = 900;
constexpr int kMargin = 20;
constexpr int kLineHeight = 20;
constexpr int kLeft = 80;
constexpr int kPlotWidth = kWidth - kLeft - 40;
constexpr int kPlotHeight = 380;
constexpr int kLegendStep = 130;

class Drawing {
 public:
  explicit Drawing(const LineChart& chart) : chart_(chart) {}

  std::string svg() {
    heading();
    legend();
    top_ = y_ + 10;
    axes();
    for (const ChartLine& line : chart_.curves) curve(line);
    return svg_document(kWidth, top_ + kPlotHeight + 50 + kMargin, chart_.title, svg_);
  }

 private:
  static double share(const ChartAxis& axis, double position) {
    return std::clamp((position - axis.begin) / (axis.end - axis.begin), 0.0, 1.0);
  }
  double x_of(double position) const { return kLeft + share(chart_.x, position) * kPlotWidth; }
  double y_of(double position) const { return top_ + (1 - share(chart_.y, position)) * kPlotHeight; }

  void text(double x, double y, std::string_view attributes, std::string_view content) {
    svg_ += fmt::format("  <text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", x, y, attributes, escape_xml(content));
  }

  void heading() {
    y_ += 16;
    text(kMargin, y_, " class=\"title\"", chart_.title);
    y_ += kLineHeight + 4;
    for (const std::string& line : chart_.lines) {
      text(kMargin, y_, "", line);
      y_ += kLineHeight;
    }
  }

  void legend() {
    y_ += 8;
    int x = kLeft;
    for (const ChartLine& line : chart_.curves) {
      svg_ +=
          fmt::format("  <rect class=\"s{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\"/>\n", line.series, x, y_ - 11);
      text(x + 17, y_, "", line.name);
      x += kLegendStep;
    }
    y_ += 12;
  }

  void grid_line(double x1, double y1, double x2, double y2) {
    svg_ += fmt::format("  <line class=\"grid\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x1, y1, x2, y2);
  }

  void axes() {
    const double bottom = top_ + kPlotHeight;
    for (const ChartTick& tick : chart_.x.ticks) {
      grid_line(x_of(tick.position), top_, x_of(tick.position), bottom + 4);
      text(x_of(tick.position), bottom + 19, " class=\"faint\" text-anchor=\"middle\"", tick.label);
    }
    for (const ChartTick& tick : chart_.y.ticks) {
      grid_line(kLeft - 4, y_of(tick.position), kLeft + kPlotWidth, y_of(tick.position));
      text(kLeft - 8, y_of(tick.position) + 4, " class=\"faint\" text-anchor=\"end\"", tick.label);
    }
    text(kLeft + kPlotWidth / 2.0, bottom + 40, " class=\"faint\" text-anchor=\"middle\"", chart_.x.label);
    svg_ += fmt::format("  <text class=\"faint\" text-anchor=\"middle\" transform=\"translate({},{}) rotate(-90)\">{}</text>\n",
                        kMargin + 4, top_ + kPlotHeight / 2, escape_xml(chart_.y.label));
    if (!chart_.mark) return;
    const double x = x_of(chart_.mark->x);
    svg_ += fmt::format("  <line class=\"l0\" stroke-dasharray=\"5 4\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>\n", x,
                        top_, bottom);
    text(x - 6, top_ + 14, " class=\"faint\" text-anchor=\"end\"", chart_.mark->label);
  }

  void curve(const ChartLine& line) {
    assert(line.series < kChartSeries);
    std::string path;
    for (const ChartPoint& point : line.points) path += fmt::format(" {:.1f},{:.1f}", x_of(point.x), y_of(point.y));
    if (line.points.size() > 1) svg_ += fmt::format("  <polyline class=\"l{}\" points=\"{}\"/>\n", line.series, path.substr(1));
    for (const ChartPoint& point : line.points) {
      svg_ += fmt::format("  <circle class=\"s{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"><title>{}: {}</title></circle>\n",
                          line.series, x_of(point.x), y_of(point.y), escape_xml(line.name), escape_xml(point.note));
    }
  }

  const LineChart& chart_;
  std::string svg_;
  int y_ = kMargin;
  int top_ = 0;
};

}  // namespace

std::string to_svg(const LineChart& chart) {
  return Drawing(chart).svg();
}

}  // namespace orthant
