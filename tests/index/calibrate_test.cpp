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

// One query with ten neighbours at a gap, and rows listed at gaps 0, 0.001, 0.002, ...
QueryGaps query_gaps(float estimate_gap, float int8_gap, std::size_t listed = 5'000) {
  QueryGaps gaps = {{std::vector<float>(10, estimate_gap), {}}, {std::vector<float>(10, int8_gap), {}}};
  for (std::size_t i = 0; i < listed; ++i) gaps.estimate.listed.push_back(static_cast<float>(i) * 0.001f);
  gaps.int8.listed = gaps.estimate.listed;
  return gaps;
}

TEST(ChooseDepths, CoversTheGapsOfAlmostAllNeighbours) {
  std::vector<QueryGaps> queries(900, query_gaps(0.0495f, 0.0095f));
  queries.resize(1000, query_gaps(0.5995f, 0.0095f));
  const StageDepths depths = choose_depths(queries, 0.95, 100'000);
  EXPECT_EQ(depths.first, FirstStage::kEstimate);
  EXPECT_EQ(depths.first_margin, 0.5995f);
  EXPECT_EQ(depths.first_oversampling, 60);
  EXPECT_EQ(depths.int8_margin, 0.0095f);
  EXPECT_EQ(depths.int8_oversampling, 1);
  EXPECT_EQ(choose_depths(queries, 0.7, 100'000).first_margin, 0.0495f);
  EXPECT_EQ(choose_depths(queries, 0.7, 100'000).first_oversampling, 16);
}

// Of exponentially distributed gaps a thousandth lies far beyond what 640 of them show.
TEST(ChooseDepths, ReachesTargetsThatTheSampleIsTooSmallToShow) {
  std::mt19937_64 random(test::sample_seed());
  std::exponential_distribution<float> gap(1);
  std::vector<QueryGaps> queries(64);
  float largest = 0;
  for (QueryGaps& query : queries) {
    query = query_gaps(0, 0);
    for (float& neighbor : query.int8.neighbors) largest = std::max(largest, neighbor = .001f * gap(random));
    query.estimate.neighbors = query.int8.neighbors;
  }
  const StageDepths depths = choose_depths(queries, 0.999, 100'000);
  // int8 may miss .00015 here, which 8.8 times the mean does, the estimate's margin .00045: 7.7 times.
  EXPECT_GT(depths.int8_margin, largest);
  EXPECT_NEAR(depths.int8_margin, .0088f, .004f);
  EXPECT_NEAR(depths.first_margin, .0077f, .004f);
}

TEST(ChooseDepths, FallsBackToInt8WhereTheEstimateIsPoor) {
  const std::vector<QueryGaps> unknown(100, query_gaps(kGapUnknown, 0.0195f));
  EXPECT_EQ(choose_depths(unknown, 0.99, 100'000).first, FirstStage::kInt8);
  EXPECT_EQ(choose_depths(unknown, 0.99, 100'000).int8_oversampling, 2);
  const std::vector<QueryGaps> deep(100, query_gaps(3.0f, 0.0195f));
  EXPECT_EQ(choose_depths(deep, 0.99, 10'000).first, FirstStage::kInt8);
  EXPECT_EQ(choose_depths(deep, 0.99, 100'000).first, FirstStage::kEstimate);
}

TEST(ChooseDepths, FallsBackToExactSearchWhereInt8IsPoorToo) {
  const std::vector<QueryGaps> unknown(100, query_gaps(kGapUnknown, kGapUnknown));
  EXPECT_EQ(choose_depths(unknown, 0.99, 100'000).first, FirstStage::kFloat);
  const std::vector<QueryGaps> beyond_the_list(100, query_gaps(0.01f, 6.0f));
  EXPECT_EQ(choose_depths(beyond_the_list, 0.99, 100'000).first, FirstStage::kFloat);
}

TEST(CalibratedDepths, AnswersWithTheFirstEntryThatReachesTheTarget) {
  CalibratedDepths depths;
  depths.row_count = 1'000;
  depths.entries.push_back({0.9, {.first_oversampling = 4}, {}});
  depths.entries.push_back({0.99, {.first_oversampling = 12}, {}});
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
  std::mt19937_64 random(test::sample_seed());
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
  std::mt19937_64 random(test::sample_seed());
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
  std::mt19937_64 random(test::sample_seed());
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
