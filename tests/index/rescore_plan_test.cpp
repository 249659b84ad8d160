#include "index/rescore_plan.h"

#include <gtest/gtest.h>

namespace orthant {
namespace {

constexpr std::size_t kRows = 1'000'000;

CalibratedDepths measured_source() {
  CalibratedDepths depths;
  depths.row_count = 100'000;
  depths.covered_count = kRows;
  depths.entries.push_back({0.95, {.first_oversampling = 20}, {40, 50'000, {.first_oversampling = 30}}});
  depths.entries.push_back({0.99, {.first_oversampling = 40}, {80, 100'000, {.first_oversampling = 60}}});
  depths.entries.push_back({0.999, {.first_oversampling = 90}, {}});
  return depths;
}

RescorePlan plan(const SearchParams& params, const PlanFacts& facts, const IndexConfig& config = {.dim = 384}) {
  return make_rescore_plan(config, params, measured_source(), facts).value();
}

constexpr PlanFacts kAllRows = {.row_count = kRows, .eligible_count = kRows, .covered_count = kRows};

TEST(RescorePlan, GoesThroughTheSourceWhereThatCostsLessThanAScan) {
  EXPECT_EQ(plan({}, kAllRows).effort, 80u);
  EXPECT_EQ(plan({.target_recall = 0.95}, kAllRows).effort, 40u);
  EXPECT_EQ(plan({.target_recall = 0.95}, kAllRows).first_depth, 300u);
  EXPECT_EQ(plan({.limit = 1'000}, kAllRows).effort, 0u) << "a hundred times the effort costs more than a scan";
  EXPECT_EQ(plan({.limit = 50}, kAllRows).effort, 400u);
}

TEST(RescorePlan, ScansWhereTheSourceCannotReachTheTarget) {
  EXPECT_EQ(plan({.target_recall = 0.999}, kAllRows).effort, 0u);
  EXPECT_EQ(plan({}, {.row_count = kRows, .eligible_count = kRows, .covered_count = 0}).effort, 0u);
  EXPECT_EQ(plan({}, kAllRows, {.dim = 384, .metric = Metric::kManhattan}).effort, 0u);
}

TEST(RescorePlan, CountsTheRowsThatTheSourceDoesNotCover) {
  EXPECT_EQ(plan({}, {.row_count = 2 * kRows, .eligible_count = 2 * kRows, .covered_count = kRows}).effort, 80u);
  EXPECT_EQ(plan({}, {.row_count = kRows, .eligible_count = kRows, .covered_count = kRows / 20}).effort, 0u);
}

TEST(RescorePlan, LeavesTheSourceWhenAFilterLetsFewRowsThrough) {
  EXPECT_NE(plan({}, {.row_count = kRows, .eligible_count = kRows / 2, .covered_count = kRows}).effort, 0u);
  const RescorePlan scan = plan({}, {.row_count = kRows, .eligible_count = kRows / 12, .covered_count = kRows});
  EXPECT_EQ(scan.effort, 0u);
  EXPECT_EQ(scan.first, FirstStage::kEstimate);
  const RescorePlan listed = plan({}, {.row_count = kRows, .eligible_count = kRows / 1'000, .covered_count = kRows});
  EXPECT_EQ(listed.effort, 0u);
  EXPECT_EQ(listed.first, FirstStage::kInt8);
}

TEST(RescorePlan, ObeysTheStructureThatWasAskedForWhileMostRowsMayBeReturned) {
  IndexConfig named{.dim = 384};
  named.structure = IndexStructure::kGraph;
  const PlanFacts few = {.row_count = kRows, .eligible_count = kRows / 12, .covered_count = kRows};
  EXPECT_NE(plan({.limit = 1'000}, kAllRows, named).effort, 0u) << "a scan would cost less";
  EXPECT_EQ(plan({}, few, named).effort, 0u);
  named.code_residency = CodeResidency::kDisk;
  EXPECT_NE(plan({}, few, named).effort, 0u) << "codes on disk are not scanned";
}

TEST(RescorePlan, ObeysAnEffortThatIsGiven) {
  EXPECT_EQ(plan({.effort = 0}, kAllRows).effort, 0u);
  EXPECT_EQ(plan({.effort = 500}, kAllRows).effort, 500u);
  EXPECT_EQ(plan({.limit = 30, .effort = 5}, kAllRows).effort, 30u);
}

}  // namespace
}  // namespace orthant
