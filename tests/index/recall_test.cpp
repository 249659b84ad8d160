// Recall on real sentence embeddings: the rows of the table in DESIGN, section 6, as far as 5,183 documents show them.

#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/npy.h"
#include "tests/index/filled_index.h"
#include "tests/support/paths.h"

namespace orthant {
namespace {

class SciFactRecall : public testing::Test {
 protected:
  void SetUp() override {
    ORTHANT_REQUIRE_SHARED_DATA();
    const auto reference = test::shared_dir() / "reference";
    documents_ = read_npy_floats(reference / "scifact-documents.npy").value();
    queries_ = read_npy_floats(reference / "scifact-queries.npy").value();
    filled_ = test::fill_index({.dim = documents_.columns, .residency = FloatResidency::kDisk}, documents_.values);
    for (std::size_t i = 0; i < queries_.rows; ++i) truth_.push_back(ordinals(i, {.exact = true}));
  }

  std::span<const float> query(std::size_t i) const {
    return std::span(queries_.values).subspan(i * queries_.columns, queries_.columns);
  }
  std::set<Ordinal> ordinals(std::size_t i, const SearchParams& params) const {
    std::set<Ordinal> found;
    const auto found_rows = filled_.index->search(query(i), params).value();
    for (const ScoredOrdinal& scored : found_rows) found.insert(scored.ordinal);
    return found;
  }
  // Of the ten exact neighbours, the share among the results.
  double recall(const SearchParams& params) const {
    std::size_t hits = 0;
    for (std::size_t i = 0; i < queries_.rows; ++i) {
      const auto found = ordinals(i, params);
      for (Ordinal ordinal : truth_[i]) hits += found.count(ordinal);
    }
    return static_cast<double>(hits) / static_cast<double>(10 * queries_.rows);
  }

  static std::size_t candidates_rescored_by_floats(const SearchTrace& trace) {
    std::size_t total = 0;
    for (const SearchTrace::Stage& stage : trace.stages) total += stage.name == "float rescoring" ? stage.candidates_in : 0;
    return total;
  }

  FloatMatrix documents_;
  FloatMatrix queries_;
  test::FilledIndex filled_;
  std::vector<std::set<Ordinal>> truth_;
};

// Expected: the same quantities computed with NumPy from the same files.
TEST_F(SciFactRecall, OfEachFirstStageIsThatOfItsDefinition) {
  EXPECT_NEAR(recall({.limit = 10, .stages = SearchStages::kBinary}), 0.562, 0.01);
  EXPECT_NEAR(recall({.limit = 100, .stages = SearchStages::kBinary}), 0.945, 0.005);
  EXPECT_NEAR(recall({.limit = 10, .stages = SearchStages::kAsymmetric}), 0.690, 0.01);
  EXPECT_NEAR(recall({.limit = 20, .stages = SearchStages::kAsymmetric}), 0.866, 0.01);
  EXPECT_NEAR(recall({.limit = 100, .stages = SearchStages::kAsymmetric}), 0.9937, 0.002);
  EXPECT_NEAR(recall({.limit = 10, .stages = SearchStages::kInt8}), 0.991, 0.003);
  EXPECT_GE(recall({.limit = 20, .stages = SearchStages::kInt8}), 0.9995);
}

TEST_F(SciFactRecall, OfRescoredStagesIsThatOfTheirCandidates) {
  EXPECT_NEAR(recall({.stages = SearchStages::kBinaryFloat, .oversampling = 10}), 0.945, 0.005);
  EXPECT_NEAR(recall({.stages = SearchStages::kBinaryInt8Float, .oversampling = 10}), 0.945, 0.005);
  EXPECT_NEAR(recall({.stages = SearchStages::kAsymmetricInt8Float, .oversampling = 10}), 0.993, 0.003);
}

TEST_F(SciFactRecall, ReachesTheTargetBeforeAndAfterCalibration) {
  EXPECT_GE(recall({}), 0.99);
  ThreadPool pool("calibrate", 2, 64);
  ASSERT_TRUE(filled_.index->calibrate(&pool));
  EXPECT_GE(recall({}), 0.99);
  EXPECT_GE(recall({.target_recall = 0.95}), 0.95);
  EXPECT_EQ(recall({.target_recall = 1}), 1);
  // A lower target must cost less, or calibration measures nothing.
  SearchTrace high;
  SearchTrace low;
  for (std::size_t i = 0; i < queries_.rows; ++i) {
    ASSERT_TRUE(filled_.index->search(query(i), {.target_recall = 0.99}, &high));
    ASSERT_TRUE(filled_.index->search(query(i), {.target_recall = 0.8}, &low));
  }
  EXPECT_LT(candidates_rescored_by_floats(low), candidates_rescored_by_floats(high));
}

}  // namespace
}  // namespace orthant
