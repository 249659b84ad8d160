#include "api/train/training_curves.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "api/charts/line_chart.h"
#include "api/json/json_reader.h"
#include "base/whole_file.h"

namespace orthant {
namespace {

// Points that a curve of losses is drawn with.
constexpr std::size_t kLossPoints = 120;

struct Metrics {
  std::vector<ChartPoint> losses;
  std::vector<ChartPoint> evaluations[3];  // float, int8, binary
};
constexpr const char* kFormNames[] = {"float", "int8", "binary"};

Status add_line(std::string_view line, Metrics& metrics) {
  const JsonDocument json = ORTHANT_TRY(JsonDocument::parse(std::string(line)));
  const double step = ORTHANT_TRY(ORTHANT_TRY(json.root().require("step")).as_double());
  if (const auto loss = json.root().find("loss")) {
    metrics.losses.push_back({step, ORTHANT_TRY(loss->as_double()), ""});
    return {};
  }
  for (std::size_t i = 0; i < std::size(kFormNames); ++i) {
    const double value = ORTHANT_TRY(ORTHANT_TRY(json.root().require(kFormNames[i])).as_double());
    metrics.evaluations[i].push_back({step, value, fmt::format("step {}: {} {:.4f}", step, kFormNames[i], value)});
  }
  return {};
}

Result<Metrics> read_metrics(const std::filesystem::path& file) {
  const std::string content = ORTHANT_TRY(read_whole_file(file));
  Metrics metrics;
  std::string_view rest = content;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) ORTHANT_TRY(add_line(rest.substr(0, end), metrics));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return metrics;
}

// Losses jump from batch to batch: the mean over each of kLossPoints stretches.
std::vector<ChartPoint> smoothed(const std::vector<ChartPoint>& points) {
  const std::size_t width = (points.size() + kLossPoints - 1) / kLossPoints;
  std::vector<ChartPoint> means;
  for (std::size_t first = 0; first < points.size(); first += width) {
    const std::size_t end = std::min(first + width, points.size());
    double sum = 0;
    for (std::size_t i = first; i < end; ++i) sum += points[i].y;
    const double mean = sum / static_cast<double>(end - first);
    means.push_back({points[end - 1].x, mean, fmt::format("step {}: loss {:.4g}", points[end - 1].x, mean)});
  }
  return means;
}

ChartAxis even_axis(const std::string& label, double begin, double end, int digits) {
  ChartAxis axis{.label = label, .begin = begin, .end = std::max(end, begin + 1e-9), .ticks = {}};
  for (int i = 0; i <= 5; ++i) {
    const double position = axis.begin + (axis.end - axis.begin) * i / 5;
    axis.ticks.push_back({position, fmt::format("{:.{}f}", position, digits)});
  }
  return axis;
}

}  // namespace

// Losses have no scale of their own beside the scores: they are drawn as shares of their largest value.
Result<std::string> training_svg(const std::string& title, const std::filesystem::path& file) {
  const Metrics metrics = ORTHANT_TRY(read_metrics(file));
  if (metrics.losses.empty()) return invalid_argument(fmt::format("{}: no steps", file.string()));
  std::vector<ChartPoint> losses = smoothed(metrics.losses);
  const double largest = std::max(1e-12, std::ranges::max(losses, {}, &ChartPoint::y).y);
  for (ChartPoint& point : losses) point.y /= largest;
  LineChart chart;
  chart.title = title;
  chart.lines.push_back(fmt::format("loss {:.4g} at its highest, {:.4g} at the end of {} steps", largest, losses.back().y * largest,
                                    metrics.losses.back().x));
  chart.x = even_axis("step", 0, metrics.losses.back().x, 0);
  chart.y = even_axis("score; loss / highest loss", 0, 1, 1);
  chart.curves.push_back({"loss", 0, std::move(losses)});
  for (std::size_t i = 0; i < std::size(kFormNames); ++i) {
    const auto& points = metrics.evaluations[i];
    const bool measured = std::ranges::any_of(points, [](const ChartPoint& point) { return point.y > 0; });
    if (measured) chart.curves.push_back({kFormNames[i], i + 1, points});
  }
  return to_svg(chart);
}

}  // namespace orthant
