// Scores of dev sets on small sets that can be counted by hand.

#include "encoder/training/dev_scores.h"

#include <cmath>

#include <gtest/gtest.h>

#include "encoder/training/embedding_forms.h"
#include "encoder/training/head_start.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

TEST(DevScores, DiscountsByRank) {
  const at::Tensor query = at::tensor({1.0F, 0.2F}).view({1, 2});
  const at::Tensor documents = at::tensor({1.0F, 0.0F, 0.0F, 1.0F, -1.0F, 0.1F}).view({3, 2});  // nearest first
  const std::vector<std::vector<std::int64_t>> first = {{0}};
  const std::vector<std::vector<std::int64_t>> second = {{1}};
  const std::vector<std::vector<std::int64_t>> both = {{1, 2}};
  EXPECT_DOUBLE_EQ(retrieval_scores(query, documents, first).float_search, 1);
  EXPECT_NEAR(retrieval_scores(query, documents, second).float_search, 1 / std::log2(3.0), 1e-9);
  const double gain = 1 / std::log2(3.0) + 1 / std::log2(4.0);
  EXPECT_NEAR(retrieval_scores(query, documents, both).float_search, gain / (1 + 1 / std::log2(3.0)), 1e-9);
}

TEST(DevScores, CorrelationsAreOfRanks) {
  const at::Tensor first = at::tensor({1.0F, 0.0F, 1.0F, 0.0F, 1.0F, 0.0F}).view({3, 2});
  const at::Tensor second = at::tensor({1.0F, 0.0F, 1.0F, 1.0F, 0.0F, 1.0F}).view({3, 2});
  const std::vector<double> same = {100, 5, 1};
  const std::vector<double> reversed = {0, 1, 2};
  EXPECT_NEAR(correlation_scores(first, second, same).float_search, 1, 1e-9);
  EXPECT_NEAR(correlation_scores(first, second, reversed).float_search, -1, 1e-9);
}

TEST(DevScores, LabelsAreTheLargestLogits) {
  const at::Tensor logits = at::tensor({1.0F, 2.0F, 3.0F, 0.0F}).view({2, 2});
  const std::vector<std::uint32_t> labels = {1, 1};
  EXPECT_DOUBLE_EQ(label_scores(logits, labels).float_search, 0.5);
}

TEST(HeadStart, RotationsKeepLengthsAndLoseLessToSigns) {
  at::manual_seed(test::sample_seed());
  // Rows whose values are very uneven: signs of small ones say little.
  const at::Tensor scales = at::logspace(0, -1.5, 16).view({1, 16});
  const at::Tensor rows = at::randn({2000, 16}) * scales;
  const HeadStart start = rotation_start(rows, false, 3);
  const at::Tensor unit = at::matmul(start.weight, start.weight.t());
  EXPECT_LE((unit - at::eye(16)).abs().max().item<double>(), 1e-4);
  const auto kept = [](const at::Tensor& values) {
    return (unit_rows(values) * straight_through_signs(values, 1)).sum(-1).mean().item<double>();
  };
  EXPECT_GT(kept(at::linear(rows, start.weight, start.bias)), kept(rows) + 0.05);
  const HeadStart centred = rotation_start(rows + 3.0, true, 3);
  EXPECT_LE(at::linear(rows + 3.0, centred.weight, centred.bias).mean(0).abs().max().item<double>(), 1e-3);
}

}  // namespace
}  // namespace orthant
