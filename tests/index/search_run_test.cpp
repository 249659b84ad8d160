// Rescoring that stops by the error bound of the codes, against rescoring of everything.

#include "index/search_run.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/kernels/dispatch.h"
#include "index/memory_float_vectors.h"
#include "index/row_encoder.h"
#include "tests/index/brute_force.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 64;
constexpr std::size_t kRows = 3'000;

// An index's parts without calibration: margins are what a plan says.
class Rows {
 public:
  Rows(Metric metric, BinaryCodes codes, std::mt19937_64& random)
      : config_({.dim = kDim, .metric = metric, .binary_codes = codes}), rows_(test::clustered_rows(kRows, kDim, random)) {
    if (metric == Metric::kCosine) {
      for (std::size_t row = 0; row < kRows; ++row) normalize(std::span(rows_).subspan(row * kDim, kDim));
    }
    quantizer_ = train_binary_quantizer(config_, rows_, 1, nullptr, std::atomic<bool>(false)).value();
    tables_.emplace(config_, quantizer_->code_bytes(), quantizer_->has_row_scales(), false);
    EXPECT_TRUE(tables_->append(encode_float_rows(config_, *quantizer_, false, rows_, {})));
    stored_.append(rows_);
  }

  std::vector<Candidate> run(const RescorePlan& plan, std::span<const float> query, SearchTrace* trace = nullptr) const {
    const IndexParts parts = {config_, *tables_, distance_kernels(), quantizer_.get(), &stored_};
    const PreparedQuery prepared = prepare_query(config_.metric, quantizer_.get(), query, forms_for(plan, config_));
    return run_plan(parts, plan, prepared, RowMask(*tables_, nullptr, kRows), trace).value();
  }
  bool has_row_scales() const { return quantizer_->has_row_scales(); }

 private:
  const IndexConfig config_;
  std::vector<float> rows_;
  std::unique_ptr<const BinaryQuantizer> quantizer_;
  std::optional<CodeTables> tables_;
  MemoryFloatVectors stored_{kDim};
};

constexpr RescorePlan kExact = {.first = FirstStage::kFloat, .first_depth = 10, .limit = 10};

TEST(SearchRun, StopsReadingFloatsWhenNoneCanEnterAnyMore) {
  std::mt19937_64 random(test::sample_seed());
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid}) {
    const Rows rows(metric, BinaryCodes::kSign, random);
    const RescorePlan plan = {.first = FirstStage::kInt8, .first_depth = 400, .last = LastStage::kFloat, .limit = 10};
    std::size_t read = 0;
    for (int i = 0; i < 30; ++i) {
      const std::vector<float> query = test::clustered_rows(1, kDim, random);
      SearchTrace trace;
      const auto found = rows.run(plan, query, &trace);
      const auto exact = rows.run(kExact, query);
      ASSERT_EQ(found.size(), 10U);
      for (std::size_t rank = 0; rank < 10; ++rank) EXPECT_EQ(found[rank].ordinal, exact[rank].ordinal) << metric_name(metric);
      const SearchTrace::Stage& floats = trace.stages.back();
      EXPECT_EQ(floats.candidates_in, 400U);
      read += floats.compared;
      // The bound at the stop: behind the tenth distance, and no nearer.
      ASSERT_TRUE(floats.entry_bound);
      EXPECT_GE(*floats.entry_bound, found.back().distance);
    }
    EXPECT_LT(read, 30U * 100) << metric_name(metric);
  }
}

TEST(SearchRun, StopsRescoringByTheBoundOfTheEstimates) {
  std::mt19937_64 random(test::sample_seed());
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid}) {
    for (const BinaryCodes codes : {BinaryCodes::kLearned, BinaryCodes::kRotated}) {
      const Rows rows(metric, codes, random);
      EXPECT_EQ(rows.has_row_scales(), codes == BinaryCodes::kRotated || metric != Metric::kCosine);
      RescorePlan plan = {
          .first = FirstStage::kEstimate, .first_depth = kRows, .int8_depth = 100, .last = LastStage::kFloat, .limit = 10};
      RescorePlan whole = plan;
      whole.whole_depth = true;
      std::size_t compared = 0;
      std::size_t same = 0;
      for (int i = 0; i < 30; ++i) {
        const std::vector<float> query = test::clustered_rows(1, kDim, random);
        SearchTrace trace, whole_trace;
        const auto found = rows.run(plan, query, &trace);
        const auto all = rows.run(whole, query, &whole_trace);
        EXPECT_EQ(whole_trace.stages[1].compared, kRows);
        EXPECT_FALSE(whole_trace.stages[1].entry_bound);
        EXPECT_TRUE(trace.stages[1].entry_bound);
        compared += trace.stages[1].compared;
        ASSERT_EQ(found.size(), all.size());
        for (const Candidate& one : found)
          same += std::ranges::any_of(all, [&](const Candidate& other) { return other.ordinal == one.ordinal; }) ? 1 : 0;
      }
      SCOPED_TRACE(std::string(metric_name(metric)) + " " + std::string(binary_codes_name(codes)));
      EXPECT_GE(same, 297U);
      EXPECT_LT(compared, 30 * kRows * 2 / 3);
    }
  }
}

// A margin that covers all neighbours: the bound that narrows as rescoring goes on turns none of them away.
TEST(SearchRun, FindsWhatIsWithinTheMargin) {
  std::mt19937_64 random(test::random_seed());
  const Rows rows(Metric::kCosine, BinaryCodes::kLearned, random);
  for (int i = 0; i < 30; ++i) {
    const std::vector<float> query = test::clustered_rows(1, kDim, random);
    const auto exact = rows.run(kExact, query);
    // The estimates of the true neighbours say how wide it must be; int8 distances differ a little.
    auto estimates = rows.run({.first = FirstStage::kEstimate, .first_depth = kRows, .limit = kRows}, query);
    float margin = 0;
    for (const Candidate& one : estimates) {
      const bool near = std::ranges::any_of(exact, [&](const Candidate& other) { return other.ordinal == one.ordinal; });
      if (near) margin = std::max(margin, one.distance - exact.back().distance);
    }
    RescorePlan plan = {
        .first = FirstStage::kEstimate, .first_depth = kRows, .int8_depth = kRows, .last = LastStage::kFloat, .limit = 10};
    plan.first_margin = margin + 0.02f;
    SearchTrace trace;
    const auto found = rows.run(plan, query, &trace);
    ASSERT_EQ(found.size(), 10U);
    for (std::size_t rank = 0; rank < 10; ++rank) EXPECT_EQ(found[rank].ordinal, exact[rank].ordinal);
    EXPECT_LE(trace.stages[1].compared, kRows);
  }
}

}  // namespace
}  // namespace orthant
