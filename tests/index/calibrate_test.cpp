#include "index/calibrate.h"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

using test::clustered_rows;
using test::fill_index;

std::vector<NeighborRanks> equal_ranks(std::uint32_t estimate, std::uint32_t int8) {
  return std::vector<NeighborRanks>(1000, {estimate, int8});
}

TEST(ChooseDepths, CoversTheRanksOfAlmostAllNeighbours) {
  auto ranks = equal_ranks(5, 3);
  for (std::size_t i = 0; i < 100; ++i) ranks[i].estimate = 80;
  ranks[999].estimate = 5'000;
  const StageDepths depths = choose_depths(ranks, 0.95, 100'000);
  EXPECT_EQ(depths.first, FirstStage::kEstimate);
  EXPECT_EQ(depths.first_oversampling, 8);
  EXPECT_EQ(depths.int8_oversampling, 1);
  EXPECT_EQ(choose_depths(ranks, 0.8, 100'000).first_oversampling, 1);
}

TEST(ChooseDepths, FallsBackToInt8WhereTheEstimateIsPoor) {
  EXPECT_EQ(choose_depths(equal_ranks(kRankUnknown, 20), 0.99, 100'000).first, FirstStage::kInt8);
  EXPECT_EQ(choose_depths(equal_ranks(kRankUnknown, 20), 0.99, 100'000).first_oversampling, 2);
  EXPECT_EQ(choose_depths(equal_ranks(30'000, 20), 0.99, 100'000).first, FirstStage::kInt8);
}

TEST(ChooseDepths, FallsBackToExactSearchWhereInt8IsPoorToo) {
  EXPECT_EQ(choose_depths(equal_ranks(kRankUnknown, kRankUnknown), 0.99, 100'000).first, FirstStage::kFloat);
}

TEST(CalibratedDepths, AnswersWithTheFirstEntryThatReachesTheTarget) {
  const CalibratedDepths depths = {1000, {{0.9, {FirstStage::kEstimate, 4, 1}}, {0.99, {FirstStage::kEstimate, 12, 2}}}};
  EXPECT_EQ(depths.depths_for(0.5).first_oversampling, 4);
  EXPECT_EQ(depths.depths_for(0.95).first_oversampling, 12);
  EXPECT_EQ(depths.depths_for(0.999).first, FirstStage::kFloat);
  EXPECT_EQ(depths.depths_for(1).first, FirstStage::kFloat);
  EXPECT_EQ(CalibratedDepths().depths_for(1).first, FirstStage::kFloat);
  EXPECT_EQ(CalibratedDepths().depths_for(0.99).first, FirstStage::kEstimate);
}

double recall_at_10(const VectorIndex& index, std::span<const float> queries, const SearchParams& params) {
  const std::size_t dim = index.config().dim;
  std::size_t hits = 0;
  const std::size_t count = queries.size() / dim;
  for (std::size_t i = 0; i < count; ++i) {
    const auto query = queries.subspan(i * dim, dim);
    std::set<Ordinal> truth;
    const auto truth_rows = index.search(query, {.exact = true}).value();
    for (const ScoredOrdinal& scored : truth_rows) truth.insert(scored.ordinal);
    const auto found_rows = index.search(query, params).value();
    for (const ScoredOrdinal& scored : found_rows) hits += truth.count(scored.ordinal);
  }
  return static_cast<double>(hits) / static_cast<double>(10 * count);
}

TEST(Calibration, ReachesTheTargetOnEveryMetric) {
  std::mt19937_64 random(test::random_seed());
  constexpr std::size_t kDim = 64;
  const auto rows = clustered_rows(6000, kDim, random);
  const auto queries = clustered_rows(60, kDim, random);
  ThreadPool pool("calibrate", 2, 64);
  for (Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    const auto filled = fill_index({.dim = kDim, .metric = metric, .residency = FloatResidency::kDisk}, rows);
    ASSERT_TRUE(filled.index->calibrate(&pool));
    EXPECT_GE(recall_at_10(*filled.index, queries, {}), 0.98) << metric_name(metric);
    EXPECT_GE(recall_at_10(*filled.index, queries, {.target_recall = 0.9}), 0.88) << metric_name(metric);
  }
}

// All values positive and far from zero: every sign bit is one, so the 1-bit codes say nothing.
TEST(Calibration, NoticesThatSignsOfUncentredRowsSayNothing) {
  std::mt19937_64 random(test::random_seed());
  constexpr std::size_t kDim = 32;
  auto rows = clustered_rows(4000, kDim, random);
  for (float& value : rows) value += 10;
  auto query = clustered_rows(20, kDim, random);
  for (float& value : query) value += 10;
  const auto filled = fill_index({.dim = kDim, .metric = Metric::kEuclid, .residency = FloatResidency::kDisk}, rows);
  EXPECT_LT(recall_at_10(*filled.index, query, {}), 0.9);
  ASSERT_TRUE(filled.index->calibrate(nullptr));
  EXPECT_GE(recall_at_10(*filled.index, query, {}), 0.98);
  SearchTrace trace;
  ASSERT_TRUE(filled.index->search(std::span(query).first(kDim), {}, &trace));
  EXPECT_NE(trace.stages.at(0).name, "asymmetric");
}

TEST(Calibration, IsNeededOnceTheIndexIsLargeAndAgainAfterItDoubled) {
  std::mt19937_64 random(test::random_seed());
  auto filled = fill_index({.dim = 8, .exact_below_bytes = 2000 * 8 * sizeof(float)}, clustered_rows(1500, 8, random));
  EXPECT_FALSE(filled.index->needs_calibration());
  filled.add(clustered_rows(1000, 8, random));
  EXPECT_TRUE(filled.index->needs_calibration());
  ASSERT_TRUE(filled.index->calibrate(nullptr));
  EXPECT_FALSE(filled.index->needs_calibration());
  filled.add(clustered_rows(2600, 8, random));
  EXPECT_TRUE(filled.index->needs_calibration());
}

}  // namespace
}  // namespace orthant
