// Reranking of golden pairs, whose order Sentence Transformers' CrossEncoder gives (scripts/make_golden_heads.py).

#include "api/cli/rerank_evaluation.h"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/npy.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "rerankers";

class RerankEvaluation : public testing::Test {
 protected:
  void SetUp() override {
    reranker_ = Reranker::load(kGolden / "bert", {}).value();
    logits_ = read_npy_floats(kGolden / "bert" / "expected.npy").value().values;
    simdjson::dom::parser parser;
    for (simdjson::dom::element entry : parser.load((kGolden / "pairs.json").string()).get_array()) {
      set_.queries.emplace_back(entry.get_array().at(0).get_string().value());
      std::vector<Ordinal>& ranking = rankings_.emplace_back();
      for (simdjson::dom::element document : entry.get_array().at(1).get_array()) {
        ranking.push_back(static_cast<Ordinal>(set_.documents.size()));
        set_.documents.emplace_back(document.get_string().value());
      }
    }
  }

  // The document of the ranking that CrossEncoder puts first, or last.
  Ordinal best(std::size_t query) const {
    return *std::ranges::max_element(rankings_[query], {}, [&](Ordinal document) { return logits_[document]; });
  }
  Ordinal worst(std::size_t query) const {
    return *std::ranges::min_element(rankings_[query], {}, [&](Ordinal document) { return logits_[document]; });
  }
  RerankFigures evaluate(std::size_t depth) const {
    return evaluate_reranking(*reranker_, set_, rankings_, depth, nullptr).value();
  }

  std::unique_ptr<Reranker> reranker_;
  std::vector<float> logits_;  // of the pairs, in their order
  BeirDataset set_;
  std::vector<std::vector<Ordinal>> rankings_;
};

TEST_F(RerankEvaluation, PutsFirstWhatTheCrossEncoderDoes) {
  for (std::size_t query = 0; query < rankings_.size(); ++query) set_.judgements.push_back({{best(query), 1}});
  const RerankFigures figures = evaluate(100);
  EXPECT_DOUBLE_EQ(figures.after.ndcg_at_10, 1);
  EXPECT_DOUBLE_EQ(figures.after.mrr_at_10, 1);
  EXPECT_DOUBLE_EQ(figures.after.recall_at_10, 1);
  EXPECT_LT(figures.before.ndcg_at_10, 1);
  EXPECT_EQ(figures.pairs, set_.documents.size());
  EXPECT_GT(figures.truncated, 0U);
  EXPECT_GT(figures.milliseconds_per_query, 0);
}

TEST_F(RerankEvaluation, PutsLastWhatTheCrossEncoderDoes) {
  double expected = 0;
  for (std::size_t query = 0; query < rankings_.size(); ++query) {
    set_.judgements.push_back({{worst(query), 1}});
    expected += 1.0 / static_cast<double>(rankings_[query].size());
  }
  EXPECT_NEAR(evaluate(100).after.mrr_at_10, expected / static_cast<double>(rankings_.size()), 1e-12);
}

TEST_F(RerankEvaluation, LeavesWhatLiesBehindTheDepth) {
  for (const std::vector<Ordinal>& ranking : rankings_) set_.judgements.push_back({{ranking.back(), 1}});
  const RerankFigures one = evaluate(1);
  EXPECT_EQ(one.pairs, rankings_.size());
  EXPECT_DOUBLE_EQ(one.after.ndcg_at_10, one.before.ndcg_at_10);
  // All but the last of the longest ranking.
  const RerankFigures four = evaluate(rankings_[0].size() - 1);
  double last = 0;
  for (std::size_t query = 0; query < rankings_.size(); ++query) {
    const auto size = static_cast<double>(rankings_[query].size());
    if (query == 0) {
      last += 1 / size;
      continue;
    }
    double rank = 1;
    for (const Ordinal document : rankings_[query]) rank += logits_[document] > logits_[rankings_[query].back()] ? 1 : 0;
    last += 1 / rank;
  }
  EXPECT_NEAR(four.after.mrr_at_10, last / static_cast<double>(rankings_.size()), 1e-12);
}

}  // namespace
}  // namespace orthant
