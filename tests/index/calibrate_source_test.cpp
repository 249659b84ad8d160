#include "index/calibrate_source.h"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "index/calibrate.h"
#include "index/kernels/dispatch.h"
#include "index/memory_float_vectors.h"
#include "index/row_encoder.h"
#include "tests/index/brute_force.h"
#include "tests/index/partial_source.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 96;
constexpr std::size_t kRows = 6'000;

class CalibrateSourceTest : public testing::Test {
 protected:
  CalibrateSourceTest()
      : quantizer_(make_binary_quantizer(config_)),
        tables_(config_, quantizer_->code_bytes(), quantizer_->has_row_scales(), false),
        stored_(kDim),
        random_(test::sample_seed()) {
    std::vector<float> rows = test::clustered_rows(kRows, kDim, random_);
    for (std::size_t row = 0; row < kRows; ++row) normalize(std::span(rows).subspan(row * kDim, kDim));
    stored_.append(rows);
    tables_.append(encode_float_rows(config_, *quantizer_, false, rows, {}));
  }

  IndexParts parts(const CandidateSource* source) const {
    return {config_, tables_, distance_kernels(), quantizer_.get(), &stored_, source};
  }
  std::vector<float> a_query() {
    std::vector<float> query = test::clustered_rows(1, kDim, random_);
    normalize(query);
    return query;
  }
  Result<std::vector<Candidate>> search(const IndexParts& parts, const CalibratedDepths& depths, std::span<const float> query,
                                        const SearchParams& params, SearchTrace* trace = nullptr) const {
    const RowMask mask(tables_, params.allowed, kRows);
    const PlanFacts facts = {.row_count = kRows, .eligible_count = mask.count(), .covered_count = parts.source->covered_count()};
    const RescorePlan plan = ORTHANT_TRY(make_rescore_plan(config_, params, depths, facts));
    return run_plan(parts, plan, prepare_query(config_.metric, quantizer_.get(), query, forms_for(plan, config_)), mask, trace);
  }

  const IndexConfig config_ = {.dim = kDim};
  std::unique_ptr<const BinaryQuantizer> quantizer_;
  CodeTables tables_;
  MemoryFloatVectors stored_;
  std::mt19937_64 random_;
};

TEST_F(CalibrateSourceTest, FindsTheEffortThatReachesEachTarget) {
  const test::PartialSource source(tables_, distance_kernels(), kRows);
  CalibratedDepths depths = measure_depths(parts(nullptr), nullptr).value();
  ASSERT_TRUE(measure_source(parts(&source), depths, nullptr));
  EXPECT_EQ(depths.covered_count, kRows);
  for (const CalibratedDepths::Entry& entry : depths.entries) {
    if (entry.source.effort == 0) continue;
    // The source finds effort percent of the neighbours; the sample of 2,560 is off by some percent.
    EXPECT_GE(static_cast<double>(entry.source.effort), 100 * entry.target_recall - 5);
    EXPECT_EQ(entry.source.cost, 10.0 * static_cast<double>(entry.source.effort));
  }
  EXPECT_NE(depths.source_plan_for(0.9).effort, 0u);
  EXPECT_LE(depths.source_plan_for(0.8).effort, depths.source_plan_for(0.9).effort);
}

TEST_F(CalibrateSourceTest, SearchesCoveredRowsThroughTheSourceAndScansTheTail) {
  constexpr Ordinal kCovered = 4'000;
  const test::PartialSource source(tables_, distance_kernels(), kCovered);
  const CalibratedDepths depths = measure_depths(parts(nullptr), nullptr).value();
  std::set<Ordinal> found_in_tail;
  std::set<Ordinal> scanned_in_tail;
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = a_query();
    SearchTrace trace;
    const auto some = search(parts(&source), depths, query, {.limit = 20, .effort = 30}, &trace).value();
    ASSERT_EQ(trace.stages.front().name, "partial");
    EXPECT_EQ(trace.stages.front().compared, 300u);
    for (const Candidate& row : some) {
      EXPECT_TRUE(row.ordinal >= kCovered || test::PartialSource::is_found(row.ordinal, 30));
      if (row.ordinal >= kCovered) found_in_tail.insert(row.ordinal);
    }
    const auto all = search(parts(&source), depths, query, {.limit = 20, .effort = 0}).value();
    for (const Candidate& row : all) {
      if (row.ordinal >= kCovered) scanned_in_tail.insert(row.ordinal);
    }
  }
  EXPECT_FALSE(scanned_in_tail.empty());
  EXPECT_TRUE(std::ranges::includes(found_in_tail, scanned_in_tail));
}

TEST_F(CalibrateSourceTest, FindsAllThatAScanFindsWithFullEffort) {
  const test::PartialSource source(tables_, distance_kernels(), 4'000);
  const CalibratedDepths depths = measure_depths(parts(nullptr), nullptr).value();
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = a_query();
    const auto scanned = search(parts(&source), depths, query, {.effort = 0}).value();
    const auto found = search(parts(&source), depths, query, {.effort = 100}).value();
    ASSERT_EQ(found.size(), scanned.size());
    for (std::size_t rank = 0; rank < found.size(); ++rank) EXPECT_EQ(found[rank].ordinal, scanned[rank].ordinal);
  }
}

}  // namespace
}  // namespace orthant
