// The figures that an independent implementation measured on embeddings of the real model, reproduced on the same embeddings.

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "api/cli/beir_dataset.h"
#include "base/npy.h"
#include "engine/evaluation.h"
#include "tests/support/paths.h"

namespace orthant {
namespace {

EmbeddingMatrix read_matrix(const std::filesystem::path& path) {
  FloatMatrix matrix = read_npy_floats(path).value();
  return {matrix.rows, matrix.columns, std::move(matrix.values)};
}

std::map<std::string, StageReport> reports_for(const std::string& folder, const std::string& reference, double oversampling) {
  const auto shared = test::shared_dir();
  BeirDataset dataset = read_beir_dataset(shared / "data" / folder, "test").value();
  std::ifstream ids(shared / "reference" / (reference + "-query-ids.txt"));
  for (const std::string& query : dataset.query_ids) {
    std::string id;
    std::getline(ids, id);
    EXPECT_EQ(id, query);
  }
  RetrievalSet set{read_matrix(shared / "reference" / (reference + "-documents.npy")),
                   read_matrix(shared / "reference" / (reference + "-queries.npy")), std::move(dataset.judgements)};
  ThreadPool pool("test", 2, 64);
  EvaluationOptions options;
  options.timed_seconds = 0;
  options.oversampling = oversampling;
  std::map<std::string, StageReport> reports;
  const auto measured = evaluate(set, options, &pool).value();
  for (const StageReport& report : measured) reports.emplace(search_stages_name(report.stages), report);
  return reports;
}

TEST(PublishedFigures, SciFact) {
  ORTHANT_REQUIRE_SHARED_DATA();
  auto reports = reports_for("scifact", "scifact", 4);
  EXPECT_NEAR(reports["float32"].ndcg_at_10, 0.64508, 1e-4);
  EXPECT_NEAR(reports["float32"].recall_at_10, 0.78333, 1e-4);
  EXPECT_NEAR(reports["float32"].recall_at_100, 0.925, 1e-4);
  EXPECT_NEAR(reports["int8"].ndcg_at_10, 0.6445, 0.002);
  EXPECT_NEAR(reports["binary"].ndcg_at_10, 0.5846, 0.004);
  EXPECT_GT(reports["asymmetric"].ndcg_at_10, 0.6228);  // of signs; trained codes keep more
  EXPECT_NEAR(reports["binary+float"].ndcg_at_10, 0.6379, 0.004);
  EXPECT_NEAR(reports["asymmetric+int8+float"].ndcg_at_10, 0.6459, 0.004);
}

TEST(PublishedFigures, XQuadEnglish) {
  ORTHANT_REQUIRE_SHARED_DATA();
  auto reports = reports_for("xquad/en", "xquad-en", 4);
  EXPECT_NEAR(reports["float32"].ndcg_at_10, 0.94159, 1e-4);
  EXPECT_NEAR(reports["float32"].recall_at_10, 0.98824, 1e-4);
  EXPECT_NEAR(reports["int8"].ndcg_at_10, 0.9413, 0.001);
  EXPECT_NEAR(reports["binary"].ndcg_at_10, 0.9068, 0.003);
  EXPECT_NEAR(reports["asymmetric"].ndcg_at_10, 0.9250, 0.004);
  EXPECT_NEAR(reports["binary+float"].ndcg_at_10, 0.9419, 0.001);
  EXPECT_NEAR(reports["asymmetric+int8+float"].ndcg_at_10, 0.9416, 0.001);
}

}  // namespace
}  // namespace orthant
