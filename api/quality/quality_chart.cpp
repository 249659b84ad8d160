#include "api/quality/quality_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "api/charts/line_chart.h"

namespace orthant::quality {
namespace {

constexpr std::array kRecallTicks = {0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0};
// Recall 1 stands where a miss in two thousand would: the axis shows misses on a logarithmic scale.
constexpr double kSmallestMiss = 1 / 2000.0;
constexpr std::array kStructures = {"flat", "graph", "lists", "exact"};

double recall_position(double recall) {
  return -std::log10(std::max(1 - recall, kSmallestMiss));
}
double time_position(double microseconds) {
  return std::log10(std::max(microseconds, 0.1));
}

ChartAxis recall_axis(double smallest) {
  ChartAxis axis{.label = "recall@10 against exact float search", .begin = 0, .end = recall_position(1), .ticks = {}};
  for (const double tick : kRecallTicks) {
    if (tick <= smallest) axis.begin = recall_position(tick);
    axis.ticks.push_back({recall_position(tick), fmt::format("{}", tick)});
  }
  std::erase_if(axis.ticks, [&](const ChartTick& tick) { return tick.position < axis.begin; });
  return axis;
}

// From the power of ten below to the one above, with 2 and 5 between.
ChartAxis time_axis(double smallest, double largest) {
  ChartAxis axis{.label = "microseconds of CPU a query", .begin = std::floor(time_position(smallest)), .end = 0, .ticks = {}};
  axis.end = std::max(axis.begin + 1, std::ceil(time_position(largest)));
  for (double power = axis.begin; power <= axis.end; ++power) {
    for (const double step : {1.0, 2.0, 5.0}) {
      const double position = power + std::log10(step);
      if (position <= axis.end) axis.ticks.push_back({position, fmt::format("{:.6g}", std::pow(10, power) * step)});
    }
  }
  return axis;
}

std::string note_of(const QualityPoint& point) {
  return fmt::format("target {}: recall {:.4f}, {:.1f} us", point.target_recall, point.recall, point.cpu_microseconds);
}

}  // namespace

std::string quality_svg(const QualitySubject& subject, const MeasuredQuality& measured) {
  const IndexQuality& index = measured.index;
  LineChart chart;
  chart.title = fmt::format("{}{}{}: recall and time", subject.collection, subject.vector.empty() ? "" : ", ", subject.vector);
  const double rows = std::max(1.0, static_cast<double>(index.rows));
  chart.lines.push_back(fmt::format("{} rows of {} dimensions, {}; {}; {:.0f} bytes a vector in memory", index.live_rows,
                                    index.config.dim, metric_name(index.config.metric), index.structure,
                                    static_cast<double>(index.memory.total()) / rows));
  double smallest_recall = 1, smallest_time = 1e9, largest_time = 1;
  std::map<std::string, ChartLine> lines;
  const auto add = [&](const std::string& name, std::size_t series, const QualityPoint& point) {
    smallest_recall = std::min(smallest_recall, point.recall);
    smallest_time = std::min(smallest_time, point.cpu_microseconds);
    largest_time = std::max(largest_time, point.cpu_microseconds);
    ChartLine& line = lines[name];
    line.name = name;
    line.series = series;
    line.points.push_back({recall_position(point.recall), time_position(point.cpu_microseconds), note_of(point)});
  };
  for (const QualityPoint& point : index.curve) {
    const auto structure = std::ranges::find(kStructures, point.structure);
    add(point.structure, static_cast<std::size_t>(structure - kStructures.begin()) + 1, point);
  }
  if (index.served) {
    add("as served", 0, *index.served);
    chart.lines.push_back(fmt::format("as served at target {}: recall {:.4f} +- {:.4f}, {:.1f} us a query ({})",
                                      index.config.target_recall, index.served->recall, index.served->recall_error,
                                      index.served->cpu_microseconds, index.served->structure));
  } else {
    chart.lines.push_back("not measured: " + index.why_not);
  }
  chart.x = recall_axis(smallest_recall);
  chart.y = time_axis(std::min(smallest_time, largest_time), largest_time);
  for (auto& [name, line] : lines) {
    std::ranges::sort(line.points, {}, &ChartPoint::x);
    chart.curves.push_back(std::move(line));
  }
  chart.mark = ChartMark{recall_position(index.config.target_recall), fmt::format("target {}", index.config.target_recall)};
  return to_svg(chart);
}

}  // namespace orthant::quality
