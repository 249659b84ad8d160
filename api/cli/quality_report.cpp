#include "api/cli/quality_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "api/cli/document_reader.h"
#include "api/cli/progress.h"
#include "api/json/json_writer.h"
#include "base/mapped_id.h"

namespace orthant {
namespace {

// The plot: recall from left to right by its misses on a logarithmic scale, time upwards, logarithmic too.
constexpr std::size_t kColumns = 64;
constexpr std::size_t kLines = 14;
constexpr double kSmallestMiss = 1 / 2000.0;

struct Point {
  std::string structure;
  std::string first_stage;
  double target = 0;
  double recall = 0;
  double recall_error = 0;
  double cpu = 0;
  double wall = 0;
  double effort = 0;
  double compared = 0;
  double rescored = 0;
  double with_floats = 0;
};

Result<double> number_of(JsonValue object, std::string_view name) {
  return ORTHANT_TRY(object.require(name)).as_double();
}
Result<std::string> text_of(JsonValue object, std::string_view name) {
  return ORTHANT_TRY(object.require(name)).as_string();
}

Result<Point> read_point(JsonValue value) {
  Point point;
  point.structure = ORTHANT_TRY(text_of(value, "structure"));
  point.first_stage = ORTHANT_TRY(text_of(value, "first_stage"));
  point.target = ORTHANT_TRY(number_of(value, "target_recall"));
  point.recall = ORTHANT_TRY(number_of(value, "recall@10"));
  point.recall_error = ORTHANT_TRY(number_of(value, "recall_error"));
  const JsonValue times = ORTHANT_TRY(value.require("us_per_query"));
  point.cpu = ORTHANT_TRY(number_of(times, "cpu"));
  point.wall = ORTHANT_TRY(number_of(times, "wall"));
  point.effort = ORTHANT_TRY(number_of(value, "effort"));
  point.compared = ORTHANT_TRY(number_of(value, "compared"));
  point.rescored = ORTHANT_TRY(number_of(value, "rescored"));
  point.with_floats = ORTHANT_TRY(number_of(value, "with_floats"));
  return point;
}

Result<std::string> heading(JsonValue quality) {
  const std::string vector = ORTHANT_TRY(text_of(quality, "vector"));
  const JsonValue structure = ORTHANT_TRY(quality.require("structure"));
  const JsonValue codes = ORTHANT_TRY(quality.require("quantizer"));
  const JsonValue bytes = ORTHANT_TRY(quality.require("bytes_per_vector"));
  std::string text = fmt::format("{}{}{}: {} rows of {} dimensions, {}\n", ORTHANT_TRY(text_of(quality, "collection")),
                                 vector.empty() ? "" : ", vector ", vector,
                                 group_digits(static_cast<std::uint64_t>(ORTHANT_TRY(number_of(quality, "live_rows")))),
                                 ORTHANT_TRY(number_of(quality, "size")), ORTHANT_TRY(text_of(quality, "distance")));
  text += fmt::format("structure {} over {} rows; codes {}, {} bit; {:.1f} bytes a vector in memory, {:.1f} on disk\n",
                      ORTHANT_TRY(text_of(structure, "name")),
                      group_digits(static_cast<std::uint64_t>(ORTHANT_TRY(number_of(structure, "rows")))),
                      ORTHANT_TRY(text_of(codes, "name")), ORTHANT_TRY(number_of(codes, "bits")),
                      ORTHANT_TRY(number_of(bytes, "memory")), ORTHANT_TRY(number_of(bytes, "disk")));
  const bool kept = ORTHANT_TRY(ORTHANT_TRY(quality.require("kept")).as_bool());
  const bool outdated = ORTHANT_TRY(ORTHANT_TRY(quality.require("outdated")).as_bool());
  text += fmt::format("measured {}{}{}\n", ORTHANT_TRY(text_of(quality, "measured_at")),
                      kept ? " (kept; --refresh measures anew)" : "", outdated ? ", and the collection is another one since" : "");
  if (!ORTHANT_TRY(ORTHANT_TRY(quality.require("complete")).as_bool())) text += "time ran out: points are missing\n";
  return text;
}

std::string table(const std::vector<Point>& points) {
  std::string text = fmt::format("\n{:<12}{:<12}{:>8}{:>10}{:>9}{:>11}{:>11}{:>8}{:>10}{:>10}{:>8}\n", "structure", "stage",
                                 "target", "recall@10", "+-", "us (CPU)", "us (wall)", "effort", "compared", "int8", "floats");
  for (const Point& point : points) {
    text += fmt::format("{:<12}{:<12}{:>8.4g}{:>10.4f}{:>9.4f}{:>11.1f}{:>11.1f}{:>8.0f}{:>10.0f}{:>10.0f}{:>8.0f}\n",
                        point.structure, point.first_stage, point.target, point.recall, point.recall_error, point.cpu, point.wall,
                        point.effort, point.compared, point.rescored, point.with_floats);
  }
  return text;
}

double recall_position(double recall) {
  return -std::log10(std::max(1 - recall, kSmallestMiss));
}

// Points as the first letter of their structure; where several fall together, the last.
std::string plot(const std::vector<Point>& points) {
  double least = 1e300, most = 0, lowest = 1;
  for (const Point& point : points) {
    least = std::min(least, std::max(point.cpu, 0.1));
    most = std::max(most, point.cpu);
    lowest = std::min(lowest, point.recall);
  }
  const double left = recall_position(std::min(lowest, 0.9));
  const double right = recall_position(1);
  const double bottom = std::log10(least) - 0.05;
  const double top = std::max(std::log10(most), bottom + 0.3) + 0.05;
  std::vector<std::string> lines(kLines, std::string(kColumns, ' '));
  const auto place = [](double share, std::size_t count) {
    return static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(count - 1) + 0.5);
  };
  for (const Point& point : points) {
    const std::size_t column = place((recall_position(point.recall) - left) / (right - left), kColumns);
    const std::size_t line = place((std::log10(std::max(point.cpu, 0.1)) - bottom) / (top - bottom), kLines);
    lines[kLines - 1 - line][column] = point.structure.empty() ? '?' : point.structure.front();
  }
  std::string text = "\nus (CPU) a query\n";
  for (std::size_t i = 0; i < kLines; ++i) {
    const double value = std::pow(10, top - (top - bottom) * static_cast<double>(i) / (kLines - 1));
    text += i % 3 == 1 ? fmt::format("{:>10.4g} |{}\n", value, lines[i]) : fmt::format("{:>10} |{}\n", "", lines[i]);
  }
  text += fmt::format("{:>10} +{}\n", "", std::string(kColumns, '-'));
  std::string ticks(kColumns + 6, ' ');
  for (const double recall : {0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0}) {
    if (recall_position(recall) < left - 1e-9) continue;
    const std::string label = fmt::format("{}", recall);
    ticks.replace(place((recall_position(recall) - left) / (right - left), kColumns), label.size(), label);
  }
  return text + fmt::format("{:>11} {}  recall@10\n", "", ticks.substr(0, ticks.find_last_not_of(' ') + 1));
}

Result<std::string> judged_text(JsonValue judged) {
  return fmt::format(
      "\n{} judged queries: nDCG@10 {:.4f}, with exact floats {:.4f}, retention {:.2f} %\n"
      "recall@10 of relevant documents {:.4f}, with exact floats {:.4f}; of the ten nearest by floats {:.4f}\n{}",
      ORTHANT_TRY(number_of(judged, "queries")), ORTHANT_TRY(number_of(judged, "ndcg@10")),
      ORTHANT_TRY(number_of(judged, "exact_ndcg@10")), 100 * ORTHANT_TRY(number_of(judged, "retention")),
      ORTHANT_TRY(number_of(judged, "judged_recall@10")), ORTHANT_TRY(number_of(judged, "exact_judged_recall@10")),
      ORTHANT_TRY(number_of(ORTHANT_TRY(judged.require("served")), "recall@10")),
      ORTHANT_TRY(number_of(judged, "missing_points")) == 0
          ? std::string()
          : fmt::format("{} of {} judged documents are not in the collection; they count as never found\n",
                        ORTHANT_TRY(number_of(judged, "missing_points")), ORTHANT_TRY(number_of(judged, "judged_points"))));
}

}  // namespace

Result<std::string> quality_text(JsonValue quality) {
  std::string text = ORTHANT_TRY(heading(quality));
  if (const auto judged = quality.find("judged")) text += ORTHANT_TRY(judged_text(*judged));
  const auto served = quality.find("served");
  if (!served) return text + "\nnot measured: " + ORTHANT_TRY(text_of(quality, "why_not")) + '\n';
  const Point as_served = ORTHANT_TRY(read_point(*served));
  text += fmt::format("\nas served at target {}: recall@10 {:.4f} +- {:.4f}, {:.1f} us a query ({}, {})\n", as_served.target,
                      as_served.recall, as_served.recall_error, as_served.cpu, as_served.structure, as_served.first_stage);
  std::vector<Point> curve;
  const JsonValue points = ORTHANT_TRY(quality.require("curve"));
  for (const JsonValue point : points.items()) curve.push_back(ORTHANT_TRY(read_point(point)));
  if (curve.empty()) return text;
  return text + table(curve) + plot(curve);
}

std::string judged_quality_body(const JudgedQueries& judged, const std::string& vector, std::uint64_t samples, bool refresh) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("vector").string(vector).key("refresh").boolean(refresh);
  if (samples != 0) json.key("samples").number(samples);
  json.key("queries").begin_array();
  for (std::size_t i = 0; i < judged.queries.size(); ++i) {
    json.begin_object().key("id").string(judged.query_ids[i]).key("text").string(judged.queries[i]).end_object();
  }
  json.end_array().key("judgements").begin_object();
  for (std::size_t i = 0; i < judged.queries.size(); ++i) {
    json.key(judged.query_ids[i]).begin_object();
    for (const auto& [document, relevance] : judged.judgements[i]) json.key(map_id(document).id.to_string()).number(relevance);
    json.end_object();
  }
  json.end_object().end_object();
  return body;
}

}  // namespace orthant
