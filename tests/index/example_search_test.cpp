// VectorIndex::search_examples() against loops in double precision.

#include "index/vector_index.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "index/example_score.h"
#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 40;

// The similarity to the first example, less half of that to the second.
void difference(std::span<const float> similarities, std::span<float> out) {
  for (std::size_t row = 0; row < out.size(); ++row) {
    out[row] = similarities[row] - 0.5F * similarities[out.size() + row];
  }
}

std::vector<float> random_rows(std::mt19937_64& random, std::size_t rows) {
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * kDim);
  for (float& value : values) value = normal(random);
  return values;
}

double similarity(Metric metric, double score) {
  if (metric == Metric::kEuclid) return -score * score;
  return metric == Metric::kManhattan ? -score : score;
}

std::vector<double> expected_scores(Metric metric, std::span<const float> examples, std::span<const float> rows,
                                    const Bitmap* allowed) {
  const BruteForce first(metric, examples.first(kDim), rows);
  const BruteForce second(metric, examples.subspan(kDim, kDim), rows);
  std::vector<double> scores;
  for (Ordinal row = 0; row < rows.size() / kDim; ++row) {
    const double score = similarity(metric, first.score(row)) - 0.5 * similarity(metric, second.score(row));
    if (allowed == nullptr || allowed->test(row)) scores.push_back(score);
  }
  return scores;
}

class ExampleSearch : public testing::TestWithParam<Metric> {};

TEST_P(ExampleSearch, IsExactOverFloats) {
  std::mt19937_64 random(random_seed());
  const std::size_t count = 50 + random() % 400;
  const std::vector<float> rows = random_rows(random, count);
  const std::vector<float> examples = random_rows(random, 2);
  Bitmap allowed(count);
  for (std::size_t i = 0; i < count / 2; ++i) allowed.set(random() % count);
  for (const FloatResidency residency : {FloatResidency::kMemory, FloatResidency::kDisk}) {
    const FilledIndex filled = fill_index({.dim = kDim, .metric = GetParam(), .residency = residency}, rows);
    for (const Bitmap* filter : {static_cast<const Bitmap*>(nullptr), static_cast<const Bitmap*>(&allowed)}) {
      std::vector<double> expected = expected_scores(GetParam(), examples, rows, filter);
      std::ranges::sort(expected, std::greater());
      SearchParams params = {.limit = 20, .exact = true, .allowed = filter};
      const auto found = filled.index->search_examples(examples, difference, params).value();
      ASSERT_EQ(found.size(), std::min<std::size_t>(20, expected.size()));
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_NEAR(found[i].score, expected[i], 1e-3 * (1 + std::abs(expected[i])));
        EXPECT_TRUE(filter == nullptr || filter->test(found[i].ordinal));
      }
    }
  }
}

TEST_P(ExampleSearch, FindsNearlyAllBestRowsByCodesAndGivesTheirExactScores) {
  std::mt19937_64 random(sample_seed());
  const std::vector<float> rows = random_rows(random, 2000);
  const std::vector<float> examples = random_rows(random, 2);
  const FilledIndex filled = fill_index({.dim = kDim, .metric = GetParam(), .residency = FloatResidency::kDisk}, rows);
  const std::vector<double> all = expected_scores(GetParam(), examples, rows, nullptr);
  std::vector<double> best = all;
  std::ranges::sort(best, std::greater());
  const auto found = filled.index->search_examples(examples, difference, {.limit = 10}).value();
  ASSERT_EQ(found.size(), 10);
  std::size_t among_best = 0;
  for (const ScoredOrdinal& hit : found) {
    EXPECT_NEAR(hit.score, all[hit.ordinal], 1e-3 * (1 + std::abs(all[hit.ordinal])));
    among_best += all[hit.ordinal] >= best[9] ? 1 : 0;
  }
  EXPECT_GE(among_best, 9);
}

INSTANTIATE_TEST_SUITE_P(Metrics, ExampleSearch,
                         testing::Values(Metric::kCosine, Metric::kDot, Metric::kEuclid, Metric::kManhattan),
                         [](const auto& instance) { return std::string(metric_name(instance.param)); });

TEST(ExampleSearchErrors, RefusesExamplesOfTheWrongLength) {
  const FilledIndex filled = fill_index({.dim = kDim}, std::vector<float>(kDim, 1.0F));
  const std::vector<float> short_example(kDim - 1, 1.0F);
  EXPECT_EQ(filled.index->search_examples(short_example, difference, {}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace orthant::test
