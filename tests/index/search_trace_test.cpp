// What a search tells of itself for "explain".

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "index/vector_index.h"
#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 48;
constexpr std::size_t kRows = 6'000;

class SearchTraceTest : public testing::Test {
 protected:
  void fill(IndexStructure structure, bool calibrated = true) {
    filled_ = fill_index({.dim = kDim, .residency = FloatResidency::kDisk, .target_recall = 0.95, .structure = structure},
                         clustered_rows(kRows, kDim, random_));
    const std::atomic<bool> stop = false;
    while (filled_.index->needs_build()) ASSERT_TRUE(filled_.index->build(nullptr, stop));
    if (calibrated) {
      ASSERT_TRUE(filled_.index->calibrate(nullptr));
    }
  }
  // Also that asking for a trace changes nothing.
  SearchTrace trace(const SearchParams& params) {
    const std::vector<float> query = clustered_rows(1, kDim, random_);
    SearchTrace trace;
    const auto traced = filled_.index->search(query, params, &trace).value();
    const auto plain = filled_.index->search(query, params).value();
    EXPECT_EQ(traced.size(), plain.size());
    for (std::size_t i = 0; i < std::min(traced.size(), plain.size()); ++i) {
      EXPECT_EQ(traced[i].ordinal, plain[i].ordinal);
      EXPECT_EQ(traced[i].score, plain[i].score);
    }
    return trace;
  }

  std::mt19937_64 random_{sample_seed()};
  FilledIndex filled_;
};

TEST_F(SearchTraceTest, StagesHandOnWhatTheNextTakesIn) {
  fill(IndexStructure::kFlat);
  const SearchTrace found = trace({});
  ASSERT_EQ(found.stages.size(), 3U);
  EXPECT_EQ(found.stages[0].name, "asymmetric");
  EXPECT_EQ(found.stages[0].candidates_in, kRows);
  EXPECT_EQ(found.stages[1].candidates_in, found.stages[0].candidates_out);
  EXPECT_EQ(found.stages[2].candidates_in, found.stages[1].candidates_out);
  EXPECT_EQ(found.stages[2].candidates_out, 10U);
  EXPECT_EQ(found.stages[0].candidates_out, found.plan.first_depth);
  EXPECT_LE(found.stages[1].compared, found.stages[1].candidates_in);
  EXPECT_LE(found.stages[1].candidates_out, found.stages[1].compared);
  EXPECT_LE(found.stages[1].candidates_out, found.plan.int8_depth);
  EXPECT_LE(found.stages[2].compared, found.stages[2].candidates_in);
  EXPECT_GE(found.stages[2].compared, 10U);
  ASSERT_TRUE(found.stages[0].bound && found.stages[1].bound);
  EXPECT_FALSE(found.stages[2].bound);
}

TEST_F(SearchTraceTest, SaysWhichCalibrationServes) {
  fill(IndexStructure::kFlat, false);
  EXPECT_FALSE(trace({}).plan.calibrated_target);
  EXPECT_EQ(trace({}).plan.calibrated_rows, 0U);
  ASSERT_TRUE(filled_.index->calibrate(nullptr));
  const PlanTrace plan = trace({}).plan;
  EXPECT_EQ(plan.target_recall, 0.95);
  EXPECT_EQ(plan.calibrated_target, 0.95);
  EXPECT_EQ(plan.calibrated_rows, kRows);
  EXPECT_EQ(plan.row_count, kRows);
  EXPECT_EQ(trace({.target_recall = 0.96}).plan.calibrated_target, 0.97);
  EXPECT_FALSE(trace({.target_recall = 1.0}).plan.calibrated_target);
}

TEST_F(SearchTraceTest, SaysWhyItScansOrNot) {
  fill(IndexStructure::kFlat);
  EXPECT_EQ(trace({}).plan.reason, "no graph and no lists: all codes are scanned");
  EXPECT_EQ(trace({.exact = true}).plan.reason, "exact search was asked for");
  EXPECT_EQ(trace({.stages = SearchStages::kInt8}).plan.reason, "these stages were asked for");
  EXPECT_EQ(trace({.target_recall = 1.0}).plan.reason, "no codes reach the target");
  Bitmap few(kRows);
  for (std::size_t row = 0; row < 100; ++row) few.set(row);
  const PlanTrace listed = trace({.allowed = &few}).plan;
  EXPECT_EQ(listed.reason, "few rows may be returned: their int8 codes are scored");
  EXPECT_EQ(listed.eligible_count, 100U);
  EXPECT_LT(listed.listed_cost, listed.scan_cost);
  Bitmap fewer(kRows);
  fewer.set(7);
  EXPECT_EQ(trace({.allowed = &fewer}).plan.reason, "no more rows may be returned than floats would be read for");
}

TEST_F(SearchTraceTest, ComparesTheCostsOfAStructure) {
  fill(IndexStructure::kGraph);
  const SearchTrace found = trace({});
  EXPECT_EQ(found.stages[0].name, "graph");
  EXPECT_GT(found.stages[0].visited, 0U);
  EXPECT_GT(found.stages[0].compared, 0U);
  EXPECT_GT(found.plan.effort, 0U);
  EXPECT_GT(found.plan.source_cost, 0);
  EXPECT_EQ(found.plan.scan_cost, kRows);
  EXPECT_EQ(found.plan.covered_count, kRows);
  EXPECT_EQ(trace({.effort = 0}).plan.reason, "a scan was asked for");
  EXPECT_EQ(trace({.effort = 64}).plan.reason, "this effort was asked for");
  EXPECT_EQ(trace({.effort = 64}).plan.effort, 64U);
}

// No row that was turned away lies within the bound by the distance that the stage goes by.
TEST_F(SearchTraceTest, BoundOfAScanIsThatOfTheLastRowHandedOn) {
  fill(IndexStructure::kFlat);
  const std::vector<float> query = clustered_rows(1, kDim, random_);
  SearchParams params;
  params.stages = SearchStages::kInt8;
  params.limit = 25;
  SearchTrace trace;
  const auto found = filled_.index->search(query, params, &trace).value();
  ASSERT_EQ(trace.stages.size(), 1U);
  ASSERT_TRUE(trace.stages[0].bound);
  EXPECT_EQ(-*trace.stages[0].bound, found.back().score);
}

}  // namespace
}  // namespace orthant::test
