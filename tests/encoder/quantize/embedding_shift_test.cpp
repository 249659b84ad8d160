#include "encoder/quantize/embedding_shift.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

EmbeddingMatrix random_rows(std::mt19937_64& random, std::size_t rows, std::size_t dim) {
  std::normal_distribution<float> normal;
  EmbeddingMatrix matrix{rows, dim, std::vector<float>(rows * dim)};
  for (float& value : matrix.values) value = normal(random);
  return matrix;
}

EmbeddingMatrix disturbed(std::mt19937_64& random, EmbeddingMatrix matrix, float amount) {
  std::normal_distribution<float> normal(0, amount);
  for (float& value : matrix.values) value += normal(random);
  return matrix;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

std::vector<std::size_t> ranking(const EmbeddingMatrix& matrix, std::size_t self) {
  std::vector<std::pair<double, std::size_t>> scored;
  for (std::size_t j = 0; j < matrix.rows; ++j) {
    if (j != self) scored.emplace_back(-cosine(matrix.row(self), matrix.row(j)), j);
  }
  std::sort(scored.begin(), scored.end());
  std::vector<std::size_t> order;
  for (const auto& [score, other] : scored) order.push_back(other);
  return order;
}

// The definitions of the header, plainly and in double.
EmbeddingShift shift_by_definition(const EmbeddingMatrix& before, const EmbeddingMatrix& after) {
  EmbeddingShift shift{.overlap_at_10 = 0, .neighbour_ndcg_at_10 = 0};
  const auto texts = static_cast<double>(before.rows);
  for (std::size_t i = 0; i < before.rows; ++i) {
    const double distance = 1 - cosine(before.row(i), after.row(i));
    shift.mean_distance += distance / texts;
    shift.max_distance = std::max(shift.max_distance, distance);
    const auto old_order = ranking(before, i);
    const auto new_order = ranking(after, i);
    std::vector<double> changes;
    for (std::size_t rank = 0; rank < std::min<std::size_t>(30, old_order.size()); ++rank) {
      const std::size_t other = old_order[rank];
      changes.push_back(cosine(after.row(i), after.row(other)) - cosine(before.row(i), before.row(other)));
    }
    double mean = 0;
    for (const double change : changes) mean += change / static_cast<double>(changes.size());
    for (const double change : changes)
      shift.score_variance += (change - mean) * (change - mean) / static_cast<double>(changes.size()) / texts;
    const std::set<std::size_t> relevant(old_order.begin(), old_order.begin() + 10);
    double gain = 0;
    double ideal = 0;
    for (std::size_t rank = 1; rank <= 10; ++rank) {
      ideal += 1 / std::log2(rank + 1.0);
      if (!relevant.contains(new_order[rank - 1])) continue;
      shift.overlap_at_10 += 0.1 / texts;
      gain += 1 / std::log2(rank + 1.0);
    }
    shift.neighbour_ndcg_at_10 += gain / ideal / texts;
  }
  return shift;
}

TEST(EmbeddingShift, IsWhatItsDefinitionSays) {
  std::mt19937_64 random(test::sample_seed());
  for (const std::size_t texts : {12U, 60U}) {
    const EmbeddingMatrix before = random_rows(random, texts, 40);
    const EmbeddingMatrix after = disturbed(random, before, 0.2F);
    const EmbeddingShift found = EmbeddingComparison::make(before).value().shift_of(after);
    const EmbeddingShift wanted = shift_by_definition(before, after);
    EXPECT_NEAR(found.mean_distance, wanted.mean_distance, 1e-6);
    EXPECT_NEAR(found.max_distance, wanted.max_distance, 1e-6);
    EXPECT_NEAR(found.score_variance, wanted.score_variance, 1e-6);
    EXPECT_NEAR(found.overlap_at_10, wanted.overlap_at_10, 0.01);
    EXPECT_NEAR(found.neighbour_ndcg_at_10, wanted.neighbour_ndcg_at_10, 0.01);
    if (texts == 60) {  // of 11 neighbours ten may stay by chance
      EXPECT_LT(found.overlap_at_10, 1);
    }
  }
}

TEST(EmbeddingShift, NothingMovedIsNoShift) {
  std::mt19937_64 random(test::sample_seed());
  EmbeddingMatrix rows = random_rows(random, 40, 24);
  const auto comparison = EmbeddingComparison::make(rows).value();
  for (float& value : rows.values) value *= 3;  // lengths do not matter
  const EmbeddingShift shift = comparison.shift_of(rows);
  EXPECT_NEAR(shift.mean_distance, 0, 1e-6);
  EXPECT_NEAR(shift.score_variance, 0, 1e-10);
  EXPECT_EQ(shift.overlap_at_10, 1);
  EXPECT_NEAR(shift.neighbour_ndcg_at_10, 1, 1e-12);
}

TEST(EmbeddingShift, ErrorsThatAreIndependentAddUp) {
  std::mt19937_64 random(test::sample_seed());
  const EmbeddingMatrix before = random_rows(random, 150, 200);
  const auto comparison = EmbeddingComparison::make(before).value();
  const EmbeddingMatrix first = disturbed(random, before, 0.05F);
  EmbeddingMatrix both = first;
  const EmbeddingMatrix second = disturbed(random, before, 0.08F);
  for (std::size_t i = 0; i < both.values.size(); ++i) both.values[i] += second.values[i] - before.values[i];
  const EmbeddingShift a = comparison.shift_of(first);
  const EmbeddingShift b = comparison.shift_of(second);
  const EmbeddingShift sum = comparison.shift_of(both);
  EXPECT_NEAR(sum.mean_distance / (a.mean_distance + b.mean_distance), 1, 0.05);
  EXPECT_NEAR(sum.score_variance / (a.score_variance + b.score_variance), 1, 0.1);
}

TEST(EmbeddingShift, TooFewTextsAreRefused) {
  std::mt19937_64 random(test::sample_seed());
  const auto comparison = EmbeddingComparison::make(random_rows(random, 11, 8));
  ASSERT_FALSE(comparison);
  EXPECT_EQ(comparison.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace orthant
