// Rerankers against Sentence Transformers' CrossEncoder (scripts/make_golden_heads.py), and what is refused.

#include "encoder/reranker.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/npy.h"
#include "encoder/model/model_kind.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "rerankers";

struct QueryPairs {
  std::string query;
  std::vector<std::string> documents;
};

std::vector<QueryPairs> golden_pairs() {
  simdjson::dom::parser parser;
  std::vector<QueryPairs> pairs;
  for (simdjson::dom::element entry : parser.load((kGolden / "pairs.json").string()).get_array()) {
    QueryPairs query{std::string(entry.get_array().at(0).get_string().value()), {}};
    for (simdjson::dom::element document : entry.get_array().at(1).get_array()) {
      query.documents.emplace_back(document.get_string().value());
    }
    pairs.push_back(std::move(query));
  }
  return pairs;
}

std::unique_ptr<Reranker> load(const std::string& name) {
  auto loaded = Reranker::load(kGolden / name, {});
  EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
  return loaded ? std::move(*loaded) : nullptr;
}

RerankResult score(const Reranker& reranker, const QueryPairs& pairs) {
  const std::vector<std::string_view> views(pairs.documents.begin(), pairs.documents.end());
  auto result = reranker.score(pairs.query, views);
  EXPECT_TRUE(result.has_value()) << result.error().message;
  return result ? std::move(*result) : RerankResult();
}

class GoldenReranker : public testing::TestWithParam<std::string> {};

TEST_P(GoldenReranker, ScoresAsCrossEncoder) {
  const auto reranker = load(GetParam());
  ASSERT_NE(reranker, nullptr);
  const auto expected = read_npy_floats(kGolden / GetParam() / "expected.npy");
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  std::size_t pair = 0;
  for (const QueryPairs& pairs : golden_pairs()) {
    const RerankResult found = score(*reranker, pairs);
    for (std::size_t i = 0; i < pairs.documents.size(); ++i, ++pair) {
      EXPECT_NEAR(found.logits[i], expected->values[pair], 2e-5) << pairs.query << " / " << pairs.documents[i];
      EXPECT_NEAR(found.scores[i], expected->values[expected->columns + pair], 1e-5);
    }
  }
  EXPECT_EQ(pair, expected->columns);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenReranker,
                         testing::Values("bert", "bert_identity", "bert_old_identity", "distilbert", "roberta", "xlm_roberta",
                                         "modernbert", "saved"),
                         [](const auto& name) { return name.param; });

TEST(Rerankers, ScoreAPairAloneAsAmongOthers) {
  const auto reranker = load("bert");
  for (const QueryPairs& pairs : golden_pairs()) {
    const RerankResult together = score(*reranker, pairs);
    for (std::size_t i = 0; i < pairs.documents.size(); ++i) {
      const RerankResult alone = score(*reranker, {pairs.query, {pairs.documents[i]}});
      EXPECT_NEAR(alone.logits[0], together.logits[i], 1e-6);
    }
  }
}

TEST(Rerankers, TellWhatWasTruncated) {
  const auto reranker = load("bert");
  EXPECT_EQ(reranker->info().max_seq_length, 32U);
  const RerankResult result = score(*reranker, golden_pairs()[0]);
  EXPECT_EQ(result.truncated, (std::vector<bool>{false, false, false, false, true}));
  EXPECT_EQ(result.token_counts.back(), 32U);
}

TEST(Rerankers, DescribeThemselves) {
  const auto reranker = load("modernbert");
  EXPECT_EQ(reranker->info().kind, ModelKind::kReranker);
  EXPECT_EQ(reranker->info().architecture, "ModernBertForSequenceClassification");
  EXPECT_EQ(reranker->info().pooling, "sigmoid");
  EXPECT_EQ(load("bert_identity")->info().pooling, "identity");
  EXPECT_EQ(reranker->info().model_sha256.size(), 64U);
}

TEST(Rerankers, WithMoreThanOneLabelAreRefused) {
  const auto refused = Reranker::load(kGolden / "three_labels", {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("num_labels: found 3"), std::string::npos) << refused.error().message;
}

TEST(Rerankers, WithAnUnknownActivationAreRefused) {
  const test::TemporaryDirectory scratch;
  const fs::path copy = scratch.path() / "model";
  fs::copy(kGolden / "bert", copy, fs::copy_options::recursive);
  std::ofstream(copy / "config_sentence_transformers.json") << R"({"activation_fn": "torch.nn.modules.activation.Softmax"})";
  const auto refused = Reranker::load(copy, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("Softmax"), std::string::npos) << refused.error().message;
}

TEST(ModelKinds, AreToldByTheFiles) {
  const fs::path golden = kGolden.parent_path();
  EXPECT_EQ(read_model_kind(golden / "models" / "cls").value(), ModelKind::kEncoder);
  EXPECT_EQ(read_model_kind(golden / "static" / "plain").value(), ModelKind::kEncoder);
  EXPECT_EQ(read_model_kind(kGolden / "bert").value(), ModelKind::kReranker);
  EXPECT_EQ(read_model_kind(kGolden / "saved").value(), ModelKind::kReranker);
  EXPECT_EQ(read_model_kind(golden / "sparse" / "bert").value(), ModelKind::kSparseEncoder);
  EXPECT_EQ(read_model_kind(golden / "sparse" / "distilbert_sum").value(), ModelKind::kSparseEncoder);
  EXPECT_EQ(read_model_kind(golden).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Reranker::load(golden / "models" / "cls", {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Encoder::load(kGolden / "bert", {}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace orthant
