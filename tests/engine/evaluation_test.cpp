#include "engine/evaluation.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

struct Case {
  std::vector<Ordinal> ranked;
  std::vector<Judgement> judgements;
  double ndcg_at_10 = 0;
  double recall_at_10 = 0;
  double recall_at_100 = 0;
  double mrr_at_10 = 0;
};

// The format stands in scripts/make_evaluation_golden.py.
std::vector<Case> golden_cases() {
  std::ifstream in(std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests/engine/golden/evaluation.txt");
  std::vector<Case> cases;
  for (std::string line; std::getline(in, line);) {
    Case one;
    std::istringstream words(line);
    int part = 0;
    std::vector<double> measures;
    for (std::string word; words >> word;) {
      if (word == "|") {
        ++part;
      } else if (part == 0) {
        one.ranked.push_back(static_cast<Ordinal>(std::stoul(word)));
      } else if (part == 1) {
        const std::size_t colon = word.find(':');
        const int document = std::stoi(word.substr(0, colon));
        one.judgements.push_back({document < 0 ? kNoOrdinal : static_cast<Ordinal>(document), std::stoi(word.substr(colon + 1))});
      } else {
        measures.push_back(std::stod(word));
      }
    }
    if (measures.size() != 4) continue;
    one.ndcg_at_10 = measures[0];
    one.recall_at_10 = measures[1];
    one.recall_at_100 = measures[2];
    one.mrr_at_10 = measures[3];
    cases.push_back(std::move(one));
  }
  return cases;
}

TEST(Evaluation, MeasuresWhatTrecEvalMeasures) {
  const auto cases = golden_cases();
  ASSERT_EQ(cases.size(), 200u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Case& one = cases[i];
    EXPECT_NEAR(ndcg_at(10, one.ranked, one.judgements), one.ndcg_at_10, 1e-9) << "case " << i;
    EXPECT_NEAR(recall_at(10, one.ranked, one.judgements), one.recall_at_10, 1e-9) << "case " << i;
    EXPECT_NEAR(recall_at(100, one.ranked, one.judgements), one.recall_at_100, 1e-9) << "case " << i;
    EXPECT_NEAR(reciprocal_rank_at(10, one.ranked, one.judgements), one.mrr_at_10, 1e-9) << "case " << i;
  }
}

TEST(Evaluation, GainIsTheRelevanceItselfAndIdealCountsMissingDocuments) {
  // (3 / log2(2) + 1 / log2(3)) / (3 / log2(2) + 2 / log2(3) + 1 / log2(4)), by hand.
  const std::vector<Judgement> judgements = {{5, 3}, {7, 1}, {kNoOrdinal, 2}};
  const std::vector<Ordinal> ranked = {5, 7, 1};
  EXPECT_NEAR(ndcg_at(10, ranked, judgements), (3 + 1 / std::log2(3.0)) / (3 + 2 / std::log2(3.0) + 0.5), 1e-12);
  EXPECT_NEAR(recall_at(10, ranked, judgements), 2.0 / 3, 1e-12);
}

TEST(Evaluation, OverlapIsTheShareOfTheExactResult) {
  const std::vector<Ordinal> exact = {1, 2, 3, 4};
  const std::vector<Ordinal> ranked = {4, 9, 2, 8};
  EXPECT_DOUBLE_EQ(overlap_at(4, ranked, exact), 0.5);
  EXPECT_DOUBLE_EQ(overlap_at(2, ranked, exact), 0.0);
  EXPECT_DOUBLE_EQ(overlap_at(10, exact, exact), 1.0);
  EXPECT_DOUBLE_EQ(overlap_at(10, {}, {}), 1.0);
}

// Documents around `topics` directions, queries close to them; each query's topic is what is relevant.
RetrievalSet topical_set(std::uint64_t seed, std::size_t dim, std::size_t topics, std::size_t documents_per_topic) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  RetrievalSet set;
  set.documents = {topics * documents_per_topic, dim, {}};
  set.queries = {topics, dim, {}};
  for (std::size_t topic = 0; topic < topics; ++topic) {
    std::vector<float> center(dim);
    for (float& value : center) value = normal(random);
    std::vector<Judgement> judgements;
    for (std::size_t i = 0; i < documents_per_topic; ++i) {
      for (const float value : center) set.documents.values.push_back(value + 0.5f * normal(random));
      judgements.push_back({static_cast<Ordinal>(topic * documents_per_topic + i), 1});
    }
    for (const float value : center) set.queries.values.push_back(value + 0.5f * normal(random));
    set.judgements.push_back(std::move(judgements));
  }
  return set;
}

TEST(Evaluation, RefusesShapesThatDoNotFit) {
  RetrievalSet set = topical_set(1, 16, 3, 4);
  set.judgements.pop_back();
  EXPECT_EQ(evaluate(set, {}, nullptr).error().code, ErrorCode::kInvalidArgument);
  set = topical_set(1, 16, 3, 4);
  set.queries.dim = 8;
  EXPECT_EQ(evaluate(set, {}, nullptr).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(evaluate({}, {}, nullptr).error().code, ErrorCode::kInvalidArgument);
}

TEST(Evaluation, ReportsEveryStageAgainstFloats) {
  const RetrievalSet set = topical_set(test::sample_seed(), 128, 40, 20);
  ThreadPool pool("test", 2, 64);
  EvaluationOptions options;
  options.timed_seconds = 0;
  const auto reports = evaluate(set, options, &pool);
  ASSERT_TRUE(reports.has_value()) << reports.error().message;
  ASSERT_EQ(reports->size(), evaluated_stages().size());
  const StageReport& floats = reports->front();
  EXPECT_EQ(floats.stages, SearchStages::kFloat32);
  EXPECT_DOUBLE_EQ(floats.retention, 1);
  EXPECT_DOUBLE_EQ(floats.exact_recall_at_10, 1);
  EXPECT_GT(floats.ndcg_at_10, 0.99);
  EXPECT_GE(floats.bytes_per_vector, 4 * 128);
  for (const StageReport& report : *reports) {
    SCOPED_TRACE(search_stages_name(report.stages));
    EXPECT_NEAR(report.retention, report.ndcg_at_10 / floats.ndcg_at_10, 1e-12);
    EXPECT_GT(report.ndcg_at_10, 0.9);  // the topics stand far apart
    EXPECT_GT(report.exact_recall_at_10, 0.1);
    EXPECT_LE(report.exact_recall_at_10, 1);
    EXPECT_GT(report.bytes_per_vector, 0);
    EXPECT_GT(report.microseconds_per_query, 0);
    if (report.stages == SearchStages::kFloat32) continue;
    EXPECT_LT(report.bytes_per_vector, floats.bytes_per_vector);
  }
}

}  // namespace
}  // namespace orthant
