#include "api/cli/svg_chart.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <fmt/format.h>

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

// Colours of middle lightness: 3 : 1 against white and against near-black.
constexpr const char* kStyle =
    "  <style>\n"
    "    .paper { fill: #ffffff } text { fill: #24292f; font: 13px system-ui, sans-serif } .faint { fill: #57606a }\n"
    "    .title { font-size: 17px; font-weight: 600 } .grid { stroke: #d0d7de }\n"
    "    .s0 { fill: #6e7781 } .s1 { fill: #1f78c8 } .s2 { fill: #8250df } .s3 { fill: #1a8a3a } .s4 { fill: #d1570b } .s5 { fill: "
    "#bf3989 "
    "}\n"
    "    @media (prefers-color-scheme: dark) {\n"
    "      .paper { fill: #0d1117 } text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #30363d }\n"
    "      .s0 { fill: #8b949e } .s1 { fill: #58a6ff } .s2 { fill: #a371f7 } .s3 { fill: #3fb950 } .s4 { fill: #f0883e } .s5 { "
    "fill: #db61a2 "
    "}\n"
    "    }\n"
    "  </style>\n";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

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
    svg += fmt::format("  <text x=\"{}\" y=\"{}\"{}>{}</text>\n", x, y, style, escaped(content));
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
  canvas.svg += fmt::format("  <text class=\"faint\" x=\"{}\" y=\"{}\">{}</text>\n", kPlotLeft, bottom + 38, escaped(chart.axis));
}

void draw_bars(Canvas& canvas, const BarChart& chart, double end) {
  for (const ChartBar& bar : chart.bars) {
    assert(bar.series < kChartSeries);
    const double width = std::clamp(bar.value / end, 0.0, 1.0) * kPlotWidth;
    const int middle = canvas.y + kRowHeight / 2;
    canvas.svg +=
        fmt::format("  <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kPlotLeft - 8, middle + 4, escaped(bar.label));
    canvas.svg += fmt::format(
        "  <rect class=\"s{}\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\"><title>{}: {:.4g} ({})</title></rect>\n",
        bar.series, kPlotLeft, middle - kBarHeight / 2, std::max(width, 1.0), kBarHeight, escaped(bar.label), bar.value,
        escaped(bar.note));
    canvas.svg += fmt::format("  <text x=\"{:.1f}\" y=\"{}\">{}</text>\n", kPlotLeft + width + 6, middle + 4, escaped(bar.note));
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
  const int height = canvas.y + 38 + kMargin;
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" "
             "aria-label=\"{2}\">\n{3}  <rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n",
             kWidth, height, escaped(chart.title), kStyle) +
         canvas.svg + "</svg>\n";
}

}  // namespace orthant
