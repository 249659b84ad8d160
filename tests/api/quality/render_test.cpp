#include "api/quality/render.h"

#include <algorithm>
#include <chrono>

#include <gtest/gtest.h>

#include "api/json/json_reader.h"
#include "api/quality/quality_chart.h"

namespace orthant::quality {
namespace {

QualityPoint point_of(std::string structure, double target, double recall, double cpu) {
  QualityPoint point;
  point.structure = std::move(structure);
  point.first_stage = "asymmetric";
  point.target_recall = target;
  point.recall = recall;
  point.cpu_microseconds = cpu;
  point.queries = 200;
  return point;
}

CollectionQuality measured_quality() {
  auto measured = std::make_shared<MeasuredQuality>();
  measured->sampled_rows = 100;
  measured->store_bytes_per_row = 1536;
  measured->measured_at = std::chrono::sys_days(std::chrono::year(2026) / 2 / 3);
  measured->index.rows = 1000;
  measured->index.live_rows = 990;
  measured->index.structure = "graph";
  measured->index.memory.binary_bytes = 48'000;
  measured->index.memory.structure_bytes = 200'000;
  measured->index.memory.disk_bytes = 4'000;
  measured->index.served = point_of("graph", 0.99, 0.9931, 41.5);
  measured->index.curve = {point_of("flat", 0.9, 0.92, 60), point_of("flat", 0.99, 0.995, 80),
                           point_of("graph", 0.99, 0.9931, 41.5)};
  measured->index.forms = {point_of("flat", 0.99, 0.97, 90)};
  return {.answer = {.measured = measured, .kept = true, .outdated = false}, .judged = std::nullopt};
}

TEST(QualityRender, WritesFiguresThatJsonReadersFind) {
  std::string text;
  JsonWriter json(text);
  CollectionQuality quality = measured_quality();
  quality.judged.emplace();
  quality.judged->retention = 0.8;
  write_quality(json, {"c", ""}, quality);
  const auto document = JsonDocument::parse(text);
  ASSERT_TRUE(document) << document.error().message << text;
  const JsonValue root = document->root();
  EXPECT_EQ(root.require("measured_at")->as_string().value(), "2026-02-03T00:00:00Z");
  EXPECT_EQ(root.require("served")->find_double("recall@10").value(), 0.9931);
  EXPECT_EQ(root.require("bytes_per_vector")->find_double("memory").value(), 248.0);
  EXPECT_EQ(root.require("bytes_per_vector")->find_double("disk").value(), 1540.0);
  EXPECT_EQ(root.require("curve")->size(), 3U);
  EXPECT_EQ(root.require("forms")->size(), 1U);
  EXPECT_EQ(root.require("judged")->find_double("retention").value(), 0.8);
  EXPECT_FALSE(root.find("why_not"));
}

TEST(QualityRender, WritesALineAPoint) {
  const std::string csv = quality_csv(measured_quality().answer.measured->index);
  EXPECT_EQ(std::ranges::count(csv, '\n'), 5);
  EXPECT_TRUE(csv.contains("\n1,graph,asymmetric,0.99,0.993100,"));
  EXPECT_TRUE(csv.contains("\n0,flat,asymmetric,0.9,0.920000,"));
  const std::string header = csv.substr(0, csv.find('\n'));
  const std::string line = csv.substr(csv.find('\n') + 1, csv.find('\n', csv.find('\n') + 1) - csv.find('\n') - 1);
  EXPECT_EQ(std::ranges::count(header, ','), std::ranges::count(line, ','));
}

TEST(QualityRender, DrawsACurveAStructure) {
  const std::string svg = quality_svg({"a<b", ""}, *measured_quality().answer.measured);
  EXPECT_TRUE(svg.contains("a&lt;b: recall and time"));
  EXPECT_TRUE(svg.contains("as served: target 0.99: recall 0.9931, 41.5 us"));
  EXPECT_TRUE(svg.contains("<polyline class=\"l1\""));   // two points of flat
  EXPECT_FALSE(svg.contains("<polyline class=\"l2\""));  // one of the graph
  EXPECT_TRUE(svg.contains(">target 0.99</text>"));
}

TEST(QualityRender, DrawsAlsoWhatWasNotMeasured) {
  MeasuredQuality measured;
  measured.index.why_not = "3 rows: at least 100 are needed";
  EXPECT_TRUE(quality_svg({"c", ""}, measured).contains("not measured: 3 rows"));
  EXPECT_EQ(std::ranges::count(quality_csv(measured.index), '\n'), 1);
}

}  // namespace
}  // namespace orthant::quality
