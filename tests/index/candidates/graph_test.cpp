// A graph beside brute force: on random rows of every metric, half built, filtered, with buried rows, and repaired.

#include "index/candidates/graph.h"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/npy.h"
#include "index/candidates/flat_scan.h"
#include "tests/index/candidates/graph_fixture.h"
#include "tests/support/paths.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 48;
constexpr std::size_t kRows = 2'500;
constexpr std::size_t kQueries = 20;

class GraphOf : public testing::TestWithParam<test::GraphKind> {
 protected:
  void SetUp() override {
    // Rows of dot product differ in length, or it would be cosine.
    rows_ = test::clustered_rows(kRows, kDim, random_);
    std::uniform_real_distribution<float> length(0.5f, 2);
    for (std::size_t row = 0; row < kRows && GetParam().metric == Metric::kDot; ++row) {
      const float factor = length(random_);
      for (std::size_t i = 0; i < kDim; ++i) rows_[row * kDim + i] *= factor;
    }
    queries_ = test::clustered_rows(kQueries, kDim, random_);
  }
  std::mt19937_64 random_{test::sample_seed()};
  std::vector<float> rows_;
  std::vector<float> queries_;
};

TEST_P(GraphOf, FindsNearlyAllThatTheCodesCanTell) {
  test::GraphFixture fixture(kDim, GetParam());
  fixture.append(rows_);
  ThreadPool pool("build", 2, 64);
  fixture.extend(&pool);
  EXPECT_EQ(fixture.graph().covered_count(), kRows);
  EXPECT_GE(fixture.mean_recall(queries_, 300, 300), 0.97);
  // More effort finds more, and costs more.
  EXPECT_LT(fixture.mean_recall(queries_, 10, 10), fixture.mean_recall(queries_, 300, 300));
  SourceTrace little;
  SourceTrace much;
  const auto query = std::span(queries_).first(kDim);
  fixture.candidates(query, 10, 10, nullptr, &little);
  fixture.candidates(query, 10, 300, nullptr, &much);
  EXPECT_LT(little.compared, much.compared);
  EXPECT_LT(much.compared, kRows);
}

TEST_P(GraphOf, GivesTheEstimatesOfAFlatScan) {
  test::GraphFixture fixture(kDim, GetParam());
  fixture.append(rows_);
  fixture.extend();
  const PreparedQuery query = fixture.prepare(std::span(queries_).first(kDim));
  const RowMask mask(fixture.tables(), nullptr, kRows);
  const auto flat = FlatScan(fixture.tables(), distance_kernels(), mask, query).estimates(kRows);
  std::vector<float> estimates(kRows);
  float smallest = flat[0].distance;
  float largest = flat[0].distance;
  for (const Candidate& candidate : flat) {
    estimates[candidate.ordinal] = candidate.distance;
    smallest = std::min(smallest, candidate.distance);
    largest = std::max(largest, candidate.distance);
  }
  const auto found = fixture.graph().candidates(query, mask, 50, 100, nullptr);
  ASSERT_EQ(found.size(), 50u);
  // Both round the query's weights, to steps of their own.
  for (const Candidate& candidate : found) {
    EXPECT_NEAR(candidate.distance, estimates[candidate.ordinal], 0.1 * (largest - smallest));
  }
}

TEST_P(GraphOf, CoversWhatIsLinkedAndNothingElse) {
  test::GraphFixture fixture(kDim, GetParam());
  const auto query = std::span(queries_).first(kDim);
  EXPECT_TRUE(fixture.candidates(query, 10, 10).empty());
  fixture.append(std::span(rows_).first(1'200 * kDim));
  EXPECT_TRUE(fixture.candidates(query, 10, 10).empty());
  fixture.extend();
  fixture.append(std::span(rows_).subspan(1'200 * kDim));
  EXPECT_EQ(fixture.graph().covered_count(), 1'200u);
  for (const Candidate& candidate : fixture.candidates(query, 200, 200)) EXPECT_LT(candidate.ordinal, 1'200u);
  fixture.extend();
  EXPECT_EQ(fixture.graph().covered_count(), kRows);
  EXPECT_GE(fixture.mean_recall(queries_, 300, 300), 0.97);
}

TEST_P(GraphOf, NeverGivesRowsOutsideTheMask) {
  test::GraphFixture fixture(kDim, GetParam());
  fixture.append(rows_);
  fixture.extend();
  for (std::size_t each : {2, 5, 30}) {
    Bitmap allowed(kRows);
    for (std::size_t row = random_() % each; row < kRows; row += 1 + random_() % (2 * each - 1)) allowed.set(row);
    for (std::size_t i = 0; i < queries_.size(); i += kDim) {
      std::set<Ordinal> seen;
      for (const Candidate& candidate : fixture.candidates(std::span(queries_).subspan(i, kDim), 60, 60, &allowed)) {
        ASSERT_TRUE(allowed.test(candidate.ordinal));
        ASSERT_TRUE(seen.insert(candidate.ordinal).second);
      }
    }
    EXPECT_GE(fixture.mean_recall(queries_, 200, 200, &allowed), each < 30 ? 0.95 : 0.85) << "one row in " << each;
  }
}

TEST_P(GraphOf, NeverGivesBuriedRowsAndRepairKeepsRecall) {
  test::GraphFixture fixture(kDim, GetParam());
  fixture.append(rows_);
  fixture.extend();
  // Every second row, and one cluster's surroundings whole.
  std::set<Ordinal> buried;
  for (Ordinal row = 0; row < kRows; row += 2) buried.insert(row);
  for (const Candidate& candidate : fixture.candidates(std::span(queries_).first(kDim), 200, 400)) buried.insert(candidate.ordinal);
  for (Ordinal row : buried) fixture.tables().bury(row);
  EXPECT_EQ(fixture.graph().stale_count(), buried.size());
  const auto check = [&] {
    for (std::size_t i = 0; i < queries_.size(); i += kDim) {
      for (const Candidate& candidate : fixture.candidates(std::span(queries_).subspan(i, kDim), 60, 60)) {
        ASSERT_FALSE(buried.contains(candidate.ordinal));
      }
    }
    EXPECT_GE(fixture.mean_recall(queries_, 200, 200), 0.95);
  };
  check();
  ThreadPool pool("repair", 2, 64);
  fixture.repair(&pool);
  EXPECT_EQ(fixture.graph().stale_count(), 0u);
  check();
  // Buried rows are not met any more: the walk for everything compares live rows only.
  SourceTrace trace;
  fixture.candidates(std::span(queries_).first(kDim), 2'500, 2'500, nullptr, &trace);
  EXPECT_LE(trace.compared, kRows - buried.size());
  EXPECT_GE(trace.compared, (kRows - buried.size()) * 3 / 4);
  // And the graph still grows.
  fixture.append(std::span(rows_).first(500 * kDim));
  fixture.extend();
  check();
}

TEST_P(GraphOf, RowsBuriedBeforeTheyAreLinkedAreLeftOut) {
  test::GraphFixture fixture(kDim, GetParam());
  fixture.append(rows_);
  for (Ordinal row = 0; row < 1'000; ++row) fixture.tables().bury(row);
  fixture.extend();
  EXPECT_EQ(fixture.graph().stale_count(), 0u);
  EXPECT_GE(fixture.mean_recall(queries_, 300, 300), 0.97);
  for (Ordinal row = 1'000; row < kRows; ++row) fixture.tables().bury(row);
  fixture.repair();
  EXPECT_TRUE(fixture.candidates(std::span(queries_).first(kDim), 10, 10).empty());
  fixture.append(rows_);
  fixture.extend();
  EXPECT_GE(fixture.mean_recall(queries_, 300, 300), 0.97);
}

INSTANTIATE_TEST_SUITE_P(Kinds, GraphOf, testing::ValuesIn(test::kGraphKinds),
                         [](const auto& kind) { return test::name_of(kind.param); });

// Titles of one corpus repeat; more equal rows than a list has slots must not cut the others off.
TEST(Graph, FindsRowsAmongManyEqualOnes) {
  std::mt19937_64 random(test::sample_seed());
  auto rows = test::clustered_rows(3'000, kDim, random);
  for (std::size_t row = 0; row < 3'000; ++row) {
    if (row % 20 == 0) std::copy_n(rows.begin(), kDim, rows.begin() + static_cast<std::ptrdiff_t>(row * kDim));
  }
  const auto queries = test::clustered_rows(kQueries, kDim, random);
  test::GraphFixture fixture({.dim = kDim, .metric = Metric::kCosine});
  fixture.append(rows);
  fixture.extend();
  EXPECT_GE(fixture.mean_recall(queries, 300, 300), 0.97);
  // The equal rows themselves: all of the ten found are such.
  EXPECT_EQ(fixture.recall(std::span(rows).first(kDim), 20, 60), 1);
}

TEST(Graph, TakesRowsThatAreAllEqualOrZero) {
  for (float value : {0.0f, 1.0f}) {
    test::GraphFixture fixture({.dim = 8, .metric = Metric::kCosine});
    fixture.append(std::vector<float>(500 * 8, value));
    fixture.extend();
    const std::vector<float> query(8, 1.0f);
    EXPECT_EQ(fixture.candidates(query, 10, 20).size(), 10u);
  }
}

TEST(Graph, StopsWhenAskedAndGoesOnLater) {
  std::mt19937_64 random(test::sample_seed());
  test::GraphFixture fixture({.dim = kDim, .metric = Metric::kCosine});
  fixture.append(test::clustered_rows(2'500, kDim, random));
  const std::atomic<bool> stop{true};
  ASSERT_TRUE(fixture.graph().extend(2'500, nullptr, stop));
  EXPECT_EQ(fixture.graph().covered_count(), 0u);
  fixture.extend();
  EXPECT_EQ(fixture.graph().covered_count(), 2'500u);
}

// Near rows behind one gap and a crowd without one: the first walk ends early, the second goes on.
TEST(Graph, LooksLongerWhereManyRowsAreAboutAsNear) {
  std::mt19937_64 random(test::sample_seed());
  std::normal_distribution<float> normal;
  std::vector<float> rows;
  const auto add = [&](std::size_t count, float along, float spread) {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t k = 0; k < kDim; ++k) rows.push_back((k == 0 ? along : 0) + spread * normal(random));
    }
  };
  add(3'000, 0, 1);    // the crowd
  add(60, 30, 0.05f);  // sixty rows far away from it, side by side
  test::GraphFixture fixture({.dim = kDim, .metric = Metric::kEuclid});
  fixture.append(rows);
  fixture.extend();
  std::vector<float> apart(kDim);
  apart[0] = 30;
  SourceTrace few;
  SourceTrace many;
  fixture.candidates(apart, 10, 100, nullptr, &few);
  fixture.candidates(std::vector<float>(kDim, 0.1f), 10, 100, nullptr, &many);
  EXPECT_LT(few.visited * 2, many.visited);
}

TEST(Graph, TakesAtMost264BytesARowOf384Dimensions) {
  std::mt19937_64 random(test::sample_seed());
  test::GraphFixture fixture({.dim = 384, .metric = Metric::kCosine});
  fixture.append(test::clustered_rows(2'000, 384, random));
  fixture.extend();
  EXPECT_LE(fixture.graph().memory_bytes(), 264u * 2'000);
}

// 115 and, of few rows, some for landmarks.
TEST(Graph, WithLeanListsTakesAtMost120BytesARowOf384Dimensions) {
  std::mt19937_64 random(test::sample_seed());
  test::GraphFixture fixture(384, {Metric::kCosine, true});
  fixture.append(test::clustered_rows(5'000, 384, random));
  fixture.extend();
  EXPECT_LE(fixture.graph().memory_bytes(), 120u * 5'000);
}

TEST(Graph, FindsTheNeighboursOfRealSentences) {
  ORTHANT_REQUIRE_SHARED_DATA();
  const auto reference = test::shared_dir() / "reference";
  const auto documents = read_npy_floats(reference / "scifact-documents.npy").value();
  const auto queries = read_npy_floats(reference / "scifact-queries.npy").value();
  test::GraphFixture fixture({.dim = documents.columns, .metric = Metric::kCosine});
  fixture.append(documents.values);
  ThreadPool pool("build", 2, 64);
  fixture.extend(&pool);
  // A flat scan of the same codes gives .9937 at this depth (recall_test.cpp).
  const auto first = std::span(queries.values).first(60 * queries.columns);
  EXPECT_GE(fixture.mean_recall(first, 100, 200), 0.975);
  test::GraphFixture lean(documents.columns, {Metric::kCosine, true});
  lean.append(documents.values);
  lean.extend(&pool);
  EXPECT_GE(lean.mean_recall(first, 100, 200), 0.965);
}

}  // namespace
}  // namespace orthant
