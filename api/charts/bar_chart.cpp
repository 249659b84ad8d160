#include "api/charts/bar_chart.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <fmt/format.h>

#include "api/charts/svg_document.h"

namespace orthant {
namespace {

constexpr int kWidth = 900;
constexpr int kMargin = 20;
constexpr int kLineHeight = 20;
constexpr int kTitleHeight = 28;
constexpr int kRowHeight = 20;
constexpr int kBarHeight = 14;
constexpr int kLabelWidth = 330;
constexpr int kNoteWidth = 130;
constexpr int kPlotLeft = kMargin + kLabelWidth;
constexpr int kPlotWidth = kWidth - kPlotLeft - kNoteWidth;
constexpr int kLegendStep = 90;
constexpr int kTicks = 4;

// The next of 1, 2, 2.5, 5 times a power of ten: ends of axes that people can read.
double rounded_up(double value) {
  if (!(value > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 2.5, 5.0}) {
    if (value <= step * power * (1 + 1e-12)) return step * power;
  }
  return 10 * power;
}

struct Canvas {
  std::string svg;
  int y = kMargin;

  void text(int x, std::string_view style, std::string_view content) {
    svg += fmt::format("  <text x=\"{}\" y=\"{}\"{}>{}</text>\n", x, y, style, escape_xml(content));
  }
};

void draw_heading(Canvas& canvas, const BarChart& chart) {
  canvas.y += 16;
  canvas.text(kMargin, " class=\"title\"", chart.title);
  canvas.y += kTitleHeight - 4;
  for (const std::string& line : chart.lines) {
    canvas.text(kMargin, "", line);
    canvas.y += kLineHeight;
  }
}

void draw_legend(Canvas& canvas, const BarChart& chart) {
  canvas.y += 8;
  int x = kPlotLeft;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    if (std::ranges::none_of(chart.bars, [&](const ChartBar& bar) { return bar.series == i; })) continue;
    canvas.svg +=
        fmt::format("  <rect class=\"s{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\"/>\n", i, x, canvas.y - 11);
    canvas.text(x + 17, "", chart.series[i]);
    x += kLegendStep;
  }
  canvas.y += 12;
}

// Lines from the first bar to below the last one, with their values.
void draw_axis(Canvas& canvas, const BarChart& chart, double end) {
  const int bottom = canvas.y + static_cast<int>(chart.bars.size()) * kRowHeight;
  for (int tick = 0; tick <= kTicks; ++tick) {
    const double x = kPlotLeft + static_cast<double>(kPlotWidth) * tick / kTicks;
    canvas.svg +=
        fmt::format("  <line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>\n", x, canvas.y, bottom + 4);
    canvas.svg += fmt::format("  <text class=\"faint\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.3g}</text>\n", x,
                              bottom + 19, end * tick / kTicks);
  }
  canvas.svg +=
      fmt::format("  <text class=\"faint\" x=\"{}\" y=\"{}\">{}</text>\n", kPlotLeft, bottom + 38, escape_xml(chart.axis));
}

void draw_bars(Canvas& canvas, const BarChart& chart, double end) {
  for (const ChartBar& bar : chart.bars) {
    assert(bar.series < kChartSeries);
    const double width = std::clamp(bar.value / end, 0.0, 1.0) * kPlotWidth;
    const int middle = canvas.y + kRowHeight / 2;
    canvas.svg +=
        fmt::format("  <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kPlotLeft - 8, middle + 4, escape_xml(bar.label));
    canvas.svg += fmt::format(
        "  <rect class=\"s{}\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\"><title>{}: {:.4g} ({})</title></rect>\n",
        bar.series, kPlotLeft, middle - kBarHeight / 2, std::max(width, 1.0), kBarHeight, escape_xml(bar.label), bar.value,
        escape_xml(bar.note));
    canvas.svg += fmt::format("  <text x=\"{:.1f}\" y=\"{}\">{}</text>\n", kPlotLeft + width + 6, middle + 4, escape_xml(bar.note));
    canvas.y += kRowHeight;
  }
}

}  // namespace

std::string to_svg(const BarChart& chart) {
  double largest = 0;
  for (const ChartBar& bar : chart.bars) largest = std::max(largest, bar.value);
  const double end = rounded_up(largest);
  Canvas canvas;
  draw_heading(canvas, chart);
  draw_legend(canvas, chart);
  draw_axis(canvas, chart, end);
  draw_bars(canvas, chart, end);
  return svg_document(kWidth, canvas.y + 38 + kMargin, chart.title, canvas.svg);
}

}  // namespace orthant
