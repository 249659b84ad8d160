// The index through its door, against brute force in double precision.

#include "index/vector_index.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

using test::BruteForce;
using test::clustered_rows;
using test::fill_index;
using test::FilledIndex;

constexpr Metric kMetrics[] = {Metric::kCosine, Metric::kDot, Metric::kEuclid, Metric::kManhattan};

// Scores that are given must be the true ones, best first, and none better may be missing, up to rounding.
void expect_exact(const std::vector<ScoredOrdinal>& found, const BruteForce& truth, std::size_t expected_count, Metric metric) {
  ASSERT_EQ(found.size(), expected_count);
  const double sign = lower_score_is_better(metric) ? -1 : 1;
  const std::vector<double> best = truth.best_scores(expected_count);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double tolerance = 2e-5 * (1 + std::fabs(best[i]));
    EXPECT_NEAR(found[i].score, truth.score(found[i].ordinal), tolerance);
    EXPECT_NEAR(found[i].score, best[i], tolerance);
    EXPECT_TRUE(truth.is_eligible(found[i].ordinal));
    if (i == 0) continue;
    EXPECT_GE(sign * found[i - 1].score, sign * found[i].score);
    if (found[i - 1].score == found[i].score) {
      EXPECT_LT(found[i - 1].ordinal, found[i].ordinal);
    }
  }
}

TEST(VectorIndex, ExactSearchEqualsBruteForce) {
  std::mt19937_64 random(test::random_seed());
  for (Metric metric : kMetrics) {
    for (std::size_t dim : {1, 3, 17, 64, 100}) {
      for (FloatResidency residency : {FloatResidency::kMemory, FloatResidency::kDisk}) {
        const auto rows = clustered_rows(700, dim, random);
        const IndexConfig config = {.dim = dim, .metric = metric, .residency = residency};
        FilledIndex filled = fill_index(config, rows);
        for (Ordinal buried : {0, 5, 64, 699}) filled.index->bury(buried);
        Bitmap allowed(650);
        for (std::size_t i = 0; i < 650; i += 3) allowed.set(i);
        Bitmap few(650);
        for (std::size_t i : {5, 63, 64, 128, 640}) few.set(i);
        for (const Bitmap* filter :
             {static_cast<const Bitmap*>(nullptr), static_cast<const Bitmap*>(&allowed), static_cast<const Bitmap*>(&few)}) {
          const auto query = clustered_rows(1, dim, random);
          const BruteForce truth(metric, query, rows, [&](Ordinal ordinal) {
            return !filled.index->is_buried(ordinal) && (filter == nullptr || filter->test(ordinal));
          });
          const auto found = filled.index->search(query, {.limit = 12, .exact = true, .allowed = filter}).value();
          expect_exact(found, truth, std::min<std::size_t>(12, truth.eligible_count()), metric);
        }
      }
    }
  }
}

TEST(VectorIndex, SmallIndexesAreSearchedExactlyByDefault) {
  std::mt19937_64 random(test::random_seed());
  const auto rows = clustered_rows(300, 24, random);
  for (Metric metric : kMetrics) {
    const FilledIndex filled = fill_index({.dim = 24, .metric = metric}, rows);
    const auto query = clustered_rows(1, 24, random);
    SearchTrace trace;
    const auto found = filled.index->search(query, {}, &trace).value();
    expect_exact(found, BruteForce(metric, query, rows), 10, metric);
    ASSERT_EQ(trace.stages.size(), 1u);
    EXPECT_EQ(trace.stages[0].name, "float32");
  }
}

double recall(VectorIndex& index, Metric metric, std::span<const float> rows, const SearchParams& params, std::mt19937_64& random) {
  const std::size_t dim = index.config().dim;
  std::size_t hits = 0;
  constexpr std::size_t kQueries = 12;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto query = clustered_rows(1, dim, random);
    const BruteForce truth(metric, query, rows, [&](Ordinal ordinal) {
      return !index.is_buried(ordinal) && (params.allowed == nullptr || params.allowed->test(ordinal));
    });
    const auto found = index.search(query, params).value();
    const double worst = truth.best_scores(params.limit).back();
    const double sign = lower_score_is_better(metric) ? -1 : 1;
    for (const ScoredOrdinal& scored : found) {
      EXPECT_TRUE(truth.is_eligible(scored.ordinal));
      hits += sign * truth.score(scored.ordinal) >= sign * worst - 1e-5 ? 1 : 0;
    }
  }
  return static_cast<double>(hits) / (kQueries * static_cast<double>(params.limit));
}

TEST(VectorIndex, CodeStagesFindTheNeighboursOfEveryMetric) {
  std::mt19937_64 random(test::sample_seed());
  constexpr std::size_t kDim = 96;
  const auto rows = clustered_rows(3000, kDim, random);
  Bitmap half(2900);
  for (std::size_t i = 0; i < 2900; i += 2) half.set(i);
  for (Metric metric : kMetrics) {
    FilledIndex filled = fill_index({.dim = kDim, .metric = metric, .residency = FloatResidency::kDisk}, rows);
    for (Ordinal buried = 0; buried < 3000; buried += 7) filled.index->bury(buried);
    for (const Bitmap* filter : {static_cast<const Bitmap*>(nullptr), static_cast<const Bitmap*>(&half)}) {
      EXPECT_GE(recall(*filled.index, metric, rows, {.allowed = filter}, random), 0.97) << metric_name(metric);
      EXPECT_GE(recall(*filled.index, metric, rows, {.rescore = false, .allowed = filter}, random), 0.9) << metric_name(metric);
      EXPECT_GE(recall(*filled.index, metric, rows, {.stages = SearchStages::kInt8, .allowed = filter}, random), 0.9);
      if (metric == Metric::kManhattan) continue;
      const SearchParams deep = {.stages = SearchStages::kAsymmetricInt8Float, .oversampling = 60, .allowed = filter};
      EXPECT_GE(recall(*filled.index, metric, rows, deep, random), 0.97) << metric_name(metric);
    }
  }
}

// Hamming over signs, by definition.
TEST(VectorIndex, BinaryStageGivesTheHammingOrder) {
  std::mt19937_64 random(test::random_seed());
  for (std::size_t dim : {1, 7, 64, 130}) {
    const std::size_t count = 333;
    const auto rows = clustered_rows(count, dim, random);
    const FilledIndex filled = fill_index({.dim = dim, .metric = Metric::kCosine}, rows);
    const auto query = clustered_rows(1, dim, random);
    std::vector<std::pair<int, Ordinal>> expected;
    for (std::size_t row = 0; row < count; ++row) {
      int differing = 0;
      for (std::size_t i = 0; i < dim; ++i) differing += (query[i] > 0) != (rows[row * dim + i] > 0) ? 1 : 0;
      expected.emplace_back(differing, static_cast<Ordinal>(row));
    }
    std::ranges::sort(expected);
    const auto found = filled.index->search(query, {.limit = 50, .stages = SearchStages::kBinary}).value();
    ASSERT_EQ(found.size(), 50u);
    for (std::size_t i = 0; i < 50; ++i) {
      EXPECT_EQ(found[i].ordinal, expected[i].second);
      EXPECT_NEAR(found[i].score, 1 - 2.0 * expected[i].first / static_cast<double>(dim), 1e-6);
    }
  }
}

TEST(VectorIndex, AsymmetricStageOrdersByQueryTimesSigns) {
  std::mt19937_64 random(test::random_seed());
  constexpr std::size_t kDim = 200;
  const auto rows = clustered_rows(500, kDim, random);
  const FilledIndex filled = fill_index({.dim = kDim, .metric = Metric::kDot}, rows);
  const auto query = clustered_rows(1, kDim, random);
  const auto found = filled.index->search(query, {.limit = 500, .stages = SearchStages::kAsymmetric}).value();
  ASSERT_EQ(found.size(), 500u);
  double query_magnitude = 0;
  for (float value : query) query_magnitude += std::fabs(value);
  for (const ScoredOrdinal& scored : found) {
    double signs = 0, squares = 0, magnitudes = 0;
    for (std::size_t i = 0; i < kDim; ++i) {
      const double x = rows[scored.ordinal * kDim + i];
      signs += x > 0 ? query[i] : -query[i];
      squares += x * x;
      magnitudes += std::fabs(x);
    }
    const double scale = squares / magnitudes;
    EXPECT_NEAR(scored.score, scale * signs, scale * query_magnitude * 0.05);
  }
}

TEST(VectorIndex, ScoreThresholdKeepsStrictlyBetterScores) {
  for (Metric metric : kMetrics) {
    const std::vector<float> rows = {1, 0, 2, 0, 3, 0};
    const FilledIndex filled = fill_index({.dim = 2, .metric = metric == Metric::kCosine ? Metric::kDot : metric}, rows);
    const std::vector<float> query = {1, 0};
    const auto all = filled.index->search(query, {}).value();
    ASSERT_EQ(all.size(), 3u);
    const auto better = filled.index->search(query, {.score_threshold = all[1].score}).value();
    ASSERT_EQ(better.size(), 1u);
    EXPECT_EQ(better[0].ordinal, all[0].ordinal);
  }
}

TEST(VectorIndex, EqualScoresComeByAscendingOrdinal) {
  std::vector<float> rows;
  for (int i = 0; i < 500; ++i) rows.insert(rows.end(), {1, 2, 3});
  for (Metric metric : kMetrics) {
    for (FloatResidency residency : {FloatResidency::kMemory, FloatResidency::kDisk}) {
      const FilledIndex filled = fill_index({.dim = 3, .metric = metric, .residency = residency}, rows);
      const auto found = filled.index->search(std::vector<float>{3, 2, 1}, {.limit = 20}).value();
      ASSERT_EQ(found.size(), 20u);
      for (Ordinal i = 0; i < 20; ++i) EXPECT_EQ(found[i].ordinal, i) << metric_name(metric);
    }
  }
}

TEST(VectorIndex, ZeroVectorsAreFoundAndScoreZero) {
  const std::vector<float> rows = {0, 0, 1, 0, 0, 0};
  const FilledIndex filled = fill_index({.dim = 2, .metric = Metric::kCosine, .residency = FloatResidency::kDisk}, rows);
  const auto by_zero = filled.index->search(std::vector<float>{0, 0}, {}).value();
  ASSERT_EQ(by_zero.size(), 3u);
  for (Ordinal i = 0; i < 3; ++i) {
    EXPECT_EQ(by_zero[i].ordinal, i);
    EXPECT_EQ(by_zero[i].score, 0);
    EXPECT_FALSE(std::signbit(by_zero[i].score));
  }
  const auto found = filled.index->search(std::vector<float>{1, 1}, {}).value();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].ordinal, 1u);
  EXPECT_NEAR(found[0].score, std::sqrt(0.5), 1e-6);
}

TEST(VectorIndex, LimitBeyondTheRowsGivesAllOfThem) {
  std::mt19937_64 random(test::random_seed());
  const auto rows = clustered_rows(70, 9, random);
  for (SearchStages stages : {SearchStages::kAuto, SearchStages::kFloat32, SearchStages::kInt8, SearchStages::kBinary,
                              SearchStages::kAsymmetric, SearchStages::kBinaryFloat, SearchStages::kBinaryInt8,
                              SearchStages::kBinaryInt8Float, SearchStages::kAsymmetricInt8Float}) {
    FilledIndex filled = fill_index({.dim = 9, .residency = FloatResidency::kDisk}, rows);
    filled.index->bury(69);
    const auto found = filled.index->search(std::span(rows).first(9), {.limit = 1'000'000, .stages = stages}).value();
    EXPECT_EQ(found.size(), 69u) << search_stages_name(stages);
  }
}

TEST(VectorIndex, EmptyIndexAndZeroLimitGiveNothing) {
  FilledIndex filled = fill_index({.dim = 2}, {});
  EXPECT_TRUE(filled.index->search(std::vector<float>{1, 1}, {}).value().empty());
  filled.add(std::vector<float>{1, 1});
  EXPECT_TRUE(filled.index->search(std::vector<float>{1, 1}, {.limit = 0}).value().empty());
}

TEST(VectorIndex, SeveralQueriesAtOnceFindWhatEachFinds) {
  constexpr std::size_t kQueries = 11;
  std::mt19937_64 random(test::random_seed());
  for (Metric metric : kMetrics) {
    const std::size_t dim = 33;
    FilledIndex filled =
        fill_index({.dim = dim, .metric = metric, .residency = FloatResidency::kDisk}, clustered_rows(4'000, dim, random));
    const auto queries = clustered_rows(kQueries, dim, random);
    for (SearchStages stages : {SearchStages::kAuto, SearchStages::kBinary, SearchStages::kFloat32}) {
      const SearchParams params = {.limit = 7, .stages = stages};
      const auto together = filled.index->search_batch(queries, params).value();
      ASSERT_EQ(together.size(), kQueries);
      for (std::size_t i = 0; i < kQueries; ++i) {
        const auto alone = filled.index->search(std::span(queries).subspan(i * dim, dim), params).value();
        ASSERT_EQ(together[i].size(), alone.size());
        for (std::size_t rank = 0; rank < alone.size(); ++rank) {
          EXPECT_EQ(together[i][rank].ordinal, alone[rank].ordinal);
          EXPECT_EQ(together[i][rank].score, alone[rank].score);
        }
      }
    }
    EXPECT_TRUE(filled.index->search_batch({}, {}).value().empty());
    EXPECT_FALSE(filled.index->search_batch(std::span(queries).first(dim + 1), {}));
  }
}

TEST(VectorIndex, RefusesBadQueriesAndVectors) {
  const FilledIndex filled = fill_index({.dim = 2}, std::vector<float>{1, 1});
  EXPECT_EQ(filled.index->search(std::vector<float>{1}, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(filled.index->search(std::vector<float>{1, NAN}, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(filled.index->search(std::vector<float>{1, 1}, {.oversampling = NAN}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(filled.index->prepare_vector(std::vector<float>{1, INFINITY}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(filled.index->encode_codes(std::vector<std::uint8_t>{1, 2}).error().code, ErrorCode::kInvalidArgument);
}

TEST(VectorIndex, RowsWithoutAVectorAreNeverReturned) {
  MemoryFloatVectors stored(2);
  const auto index = VectorIndex::create({.dim = 2}, &stored).value();
  const std::vector<std::uint8_t> present = {1, 0, 1};
  const std::vector<float> vectors = {1, 0, 7, 7, 0, 1};
  index->append(*index->encode_rows(vectors, present).value());
  EXPECT_EQ(index->row_count(), 3u);
  EXPECT_EQ(index->live_count(), 2u);
  EXPECT_TRUE(index->is_buried(1));
  EXPECT_EQ(index->search(std::vector<float>{1, 1}, {}).value().size(), 2u);
}

TEST(VectorIndex, FloatsLeaveMemoryWhenTheyOutgrowTheLimit) {
  std::mt19937_64 random(test::random_seed());
  const auto rows = clustered_rows(400, 16, random);
  FilledIndex filled = fill_index({.dim = 16, .exact_below_bytes = 300 * 16 * sizeof(float)}, std::span(rows).first(100 * 16));
  EXPECT_EQ(filled.index->memory().float_bytes, 100u * 16 * sizeof(float));
  filled.add(std::span(rows).subspan(100 * 16));
  EXPECT_EQ(filled.index->memory().float_bytes, 0u);
  const auto query = clustered_rows(1, 16, random);
  expect_exact(filled.index->search(query, {.exact = true}).value(), BruteForce(Metric::kCosine, query, rows), 10, Metric::kCosine);
}

TEST(VectorIndex, RebuildGivesTheSameAnswersAndBuriesMissingRows) {
  std::mt19937_64 random(test::random_seed());
  const auto rows = clustered_rows(5000, 20, random);
  const IndexConfig config = {.dim = 20, .metric = Metric::kEuclid, .residency = FloatResidency::kDisk};
  FilledIndex filled = fill_index(config, rows);
  for (Ordinal gone : {3, 64, 4999}) {
    filled.stored->erase(gone);
    filled.index->bury(gone);
  }
  ThreadPool pool("rebuild", 2, 100);
  const auto rebuilt = VectorIndex::rebuild(config, filled.stored.get(), 5000, &pool).value();
  EXPECT_EQ(rebuilt->row_count(), 5000u);
  EXPECT_EQ(rebuilt->live_count(), 4997u);
  for (int i = 0; i < 10; ++i) {
    const auto query = clustered_rows(1, 20, random);
    const auto before = filled.index->search(query, {}).value();
    const auto after = rebuilt->search(query, {}).value();
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t j = 0; j < before.size(); ++j) {
      EXPECT_EQ(before[j].ordinal, after[j].ordinal);
      EXPECT_EQ(before[j].score, after[j].score);
    }
  }
}

TEST(VectorIndex, LeavesOutRowsThatVanishFromTheStoreDuringASearch) {
  std::mt19937_64 random(test::random_seed());
  const auto rows = clustered_rows(300, 8, random);
  FilledIndex filled = fill_index({.dim = 8, .residency = FloatResidency::kDisk}, rows);
  const std::vector<float> query(rows.begin(), rows.begin() + 8);
  const Ordinal best = filled.index->search(query, {}).value()[0].ordinal;
  filled.stored->erase(best);
  const auto found = filled.index->search(query, {.limit = 5}).value();
  EXPECT_EQ(found.size(), 5u);
  for (const ScoredOrdinal& scored : found) EXPECT_NE(scored.ordinal, best);
}

}  // namespace
}  // namespace orthant
