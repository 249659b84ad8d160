#include "api/cli/quality_report.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/point_id.h"

namespace orthant {
namespace {

constexpr const char* kQuality = R"({"collection": "c", "vector": "", "measured_at": "2026-02-03T00:00:00Z", "kept": false,
  "outdated": false, "complete": true, "live_rows": 12345, "size": 384, "distance": "Cosine",
  "structure": {"name": "graph", "rows": 12345}, "quantizer": {"name": "learned", "bits": 1},
  "bytes_per_vector": {"memory": 431.5, "disk": 1536},
  "served": {"structure": "graph", "first_stage": "graph", "target_recall": 0.99, "recall@10": 0.9921, "recall_error": 0.004,
    "us_per_query": {"cpu": 40.5, "wall": 41}, "effort": 96, "compared": 3000, "rescored": 80, "with_floats": 20},
  "curve": [
    {"structure": "flat", "first_stage": "asymmetric", "target_recall": 0.8, "recall@10": 0.85, "recall_error": 0.01,
      "us_per_query": {"cpu": 60, "wall": 60}, "effort": 0, "compared": 0, "rescored": 50, "with_floats": 15},
    {"structure": "graph", "first_stage": "graph", "target_recall": 0.99, "recall@10": 0.9921, "recall_error": 0.004,
      "us_per_query": {"cpu": 40.5, "wall": 41}, "effort": 96, "compared": 3000, "rescored": 80, "with_floats": 20},
    {"structure": "exact", "first_stage": "float32", "target_recall": 1, "recall@10": 1, "recall_error": 0,
      "us_per_query": {"cpu": 5000, "wall": 5000}, "effort": 0, "compared": 0, "rescored": 0, "with_floats": 12345}]})";

TEST(QualityReport, ShowsFiguresTableAndCurve) {
  const auto document = JsonDocument::parse(kQuality);
  const auto text = quality_text(document.value().root());
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_TRUE(text->contains("c: 12,345 rows of 384 dimensions, Cosine")) << *text;
  EXPECT_TRUE(text->contains("as served at target 0.99: recall@10 0.9921 +- 0.0040, 40.5 us a query (graph, graph)"));
  EXPECT_TRUE(text->contains("exact       float32")) << *text;
  const std::size_t plot = text->find("us (CPU) a query");
  ASSERT_NE(plot, std::string::npos);
  // Dearer points stand higher, better ones further right.
  const auto place = [&](char letter) {
    std::size_t begin = text->find('\n', plot) + 1;
    for (std::size_t line = 0; line < 14; ++line) {
      const std::size_t end = text->find('\n', begin);
      const std::size_t found = text->substr(begin, end - begin).find(letter, 12);
      if (found != std::string::npos) return std::pair(line, found);
      begin = end + 1;
    }
    return std::pair(std::size_t{99}, std::size_t{0});
  };
  EXPECT_LT(place('e').first, place('f').first);
  EXPECT_LT(place('f').first, place('g').first);
  EXPECT_LT(place('f').second, place('g').second);
  EXPECT_LT(place('g').second, place('e').second);
  EXPECT_LT(place('g').first, 14U);
}

TEST(QualityReport, SaysWhyNothingWasMeasured) {
  const auto document = JsonDocument::parse(
      R"({"collection": "c", "vector": "v", "measured_at": "t", "kept": true, "outdated": true, "complete": true, "live_rows": 3,
       "size": 2, "distance": "Dot", "structure": {"name": "flat", "rows": 3}, "quantizer": {"name": "sign", "bits": 1},
       "bytes_per_vector": {"memory": 8, "disk": 8}, "served": null, "why_not": "3 rows", "curve": []})");
  const auto text = quality_text(document.value().root());
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_TRUE(text->contains("c, vector v: 3 rows"));
  EXPECT_TRUE(text->contains("not measured: 3 rows"));
}

TEST(QualityReport, AsksWithIdsAsIngestionMapsThem) {
  JudgedQueries judged;
  judged.query_ids = {"q\"1"};
  judged.queries = {"what?"};
  judged.judgements = {{{"12", 1}, {"name", 0}}};
  const std::string body = judged_quality_body(judged, "v", 50, true);
  EXPECT_EQ(body,
            R"({"vector":"v","refresh":true,"samples":50,"queries":[{"id":"q\"1","text":"what?"}],"judgements":{"q\"1":{"12":1,")" +
                PointId::from_name("name").to_string() + R"(":0}}})");
}

}  // namespace
}  // namespace orthant
