// A graph through its parameters and columns: whole, and damaged.

#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/index/candidates/graph_fixture.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 32;
constexpr Ordinal kRows = 3'000;
constexpr Ordinal kCovered = 2'500;

class GraphSnapshot : public testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 random(test::sample_seed());
    rows_ = test::clustered_rows(kRows, kDim, random);
    queries_ = test::clustered_rows(20, kDim, random);
    fixture_.append(std::span(rows_).first(kCovered * kDim));
    fixture_.extend();
    for (Ordinal row = 0; row < 100; ++row) fixture_.tables().bury(row);
    fixture_.repair();
    fixture_.append(std::span(rows_).subspan(kCovered * kDim));
    parameters_ = fixture_.graph().parameters();
    const SourceColumn column = fixture_.graph().columns().at(0);
    row_bytes_ = column.column->row_bytes();
    for (std::size_t row = 0; row < column.rows; ++row) {
      lists_.insert(lists_.end(), column.column->row(row), column.column->row(row) + row_bytes_);
    }
  }
  std::uint32_t& slot(std::size_t row, std::size_t i) {
    return *reinterpret_cast<std::uint32_t*>(lists_.data() + row * row_bytes_ + i * sizeof(std::uint32_t));
  }
  Result<std::unique_ptr<CandidateSource>> load() {
    auto graph = ORTHANT_TRY(load_graph(fixture_.config(), fixture_.tables(), fixture_.quantizer(), parameters_));
    const SourceColumn column = graph->columns().at(0);
    EXPECT_EQ(column.number, 1u);
    EXPECT_EQ(column.rows * row_bytes_, lists_.size());
    for (std::size_t row = 0; row < column.rows; ++row) {
      std::memcpy(column.column->row(row), lists_.data() + row * row_bytes_, row_bytes_);
    }
    ORTHANT_TRY(graph->finish_load());
    return graph;
  }
  void expect_corruption() {
    const auto loaded = load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::kDataCorruption) << loaded.error().message;
  }

  test::GraphFixture fixture_{{.dim = kDim, .metric = Metric::kEuclid}, {.degree = 24}};
  std::vector<float> rows_;
  std::vector<float> queries_;
  std::string parameters_;
  std::size_t row_bytes_ = 0;
  std::vector<std::uint8_t> lists_;
};

TEST_F(GraphSnapshot, FindsTheSameAsBeforeAndGoesOn) {
  std::vector<std::vector<Candidate>> before;
  for (std::size_t i = 0; i < queries_.size(); i += kDim) {
    before.push_back(fixture_.candidates(std::span(queries_).subspan(i, kDim), 50, 80));
    std::ranges::sort(before.back(), nearer);
  }
  auto loaded = load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  fixture_.replace_graph(std::move(*loaded));
  EXPECT_EQ(fixture_.graph().covered_count(), kCovered);
  EXPECT_EQ(fixture_.graph().stale_count(), 0u);
  for (std::size_t i = 0; i < queries_.size(); i += kDim) {
    auto after = fixture_.candidates(std::span(queries_).subspan(i, kDim), 50, 80);
    std::ranges::sort(after, nearer);
    ASSERT_EQ(after.size(), before[i / kDim].size());
    for (std::size_t j = 0; j < after.size(); ++j) ASSERT_EQ(after[j].ordinal, before[i / kDim][j].ordinal);
  }
  fixture_.extend();
  EXPECT_EQ(fixture_.graph().covered_count(), kRows);
  EXPECT_GE(fixture_.mean_recall(queries_, 300, 300), 0.97);
}

TEST_F(GraphSnapshot, RefusesNeighboursThatDoNotExist) {
  slot(1'200, 3) = kCovered;
  expect_corruption();
}

TEST_F(GraphSnapshot, RefusesARowAsItsOwnNeighbour) {
  slot(1'200, 0) = 1'200;
  expect_corruption();
}

TEST_F(GraphSnapshot, RefusesNeighboursBehindTheEndOfAList) {
  slot(1'200, 2) = kNoOrdinal;
  slot(1'200, 3) = 5;
  expect_corruption();
}

TEST_F(GraphSnapshot, RefusesDamagedParameters) {
  const std::string whole = parameters_;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    parameters_ = whole.substr(0, size);
    expect_corruption();
  }
  parameters_ = whole + '\0';
  expect_corruption();
  parameters_ = whole;
  parameters_[0] = 99;
  expect_corruption();
  parameters_ = whole;
  std::memset(parameters_.data() + 4, 0xff, 4);
  expect_corruption();
}

// Lean lists lie partly on lines, which are no column: a copy of that part is.
class LeanGraphSnapshot : public testing::TestWithParam<Metric> {
 protected:
  void SetUp() override {
    std::mt19937_64 random(test::sample_seed());
    queries_ = test::clustered_rows(20, kDim, random);
    fixture_.append(test::clustered_rows(kRows, kDim, random));
    fixture_.extend();
    for (Ordinal row = 0; row < 100; ++row) fixture_.tables().bury(row);
    fixture_.repair();
    for (const SourceColumn& column : fixture_.graph().columns()) {
      std::vector<std::uint8_t>& bytes = columns_.emplace_back();
      for (std::size_t row = 0; row < column.rows; ++row) {
        bytes.insert(bytes.end(), column.column->row(row), column.column->row(row) + column.column->row_bytes());
      }
    }
    fixture_.graph().release_columns();
  }
  Result<std::unique_ptr<CandidateSource>> load(const std::string& parameters) {
    auto graph = ORTHANT_TRY(load_graph(fixture_.config(), fixture_.tables(), fixture_.quantizer(), parameters));
    const std::vector<SourceColumn> columns = graph->columns();
    EXPECT_EQ(columns.size(), columns_.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::size_t row_bytes = columns[i].column->row_bytes();
      EXPECT_EQ(columns[i].rows * row_bytes, columns_[i].size());
      for (std::size_t row = 0; row < columns[i].rows; ++row) {
        std::memcpy(columns[i].column->row(row), columns_[i].data() + row * row_bytes, row_bytes);
      }
    }
    ORTHANT_TRY(graph->finish_load());
    return graph;
  }
  std::vector<std::vector<Candidate>> answers() const {
    std::vector<std::vector<Candidate>> found;
    for (std::size_t i = 0; i < queries_.size(); i += kDim) {
      found.push_back(fixture_.candidates(std::span(queries_).subspan(i, kDim), 50, 80));
      std::ranges::sort(found.back(), nearer);
    }
    return found;
  }

  test::GraphFixture fixture_{kDim, {GetParam(), true}};
  std::vector<float> queries_;
  std::vector<std::vector<std::uint8_t>> columns_;
};

TEST_P(LeanGraphSnapshot, FindsTheSameAsBefore) {
  ASSERT_EQ(columns_.size(), 2u);
  const auto before = answers();
  auto loaded = load(fixture_.graph().parameters());
  ASSERT_TRUE(loaded) << loaded.error().message;
  fixture_.replace_graph(std::move(*loaded));
  EXPECT_EQ(fixture_.graph().stale_count(), 0u);
  const auto after = answers();
  for (std::size_t i = 0; i < after.size(); ++i) {
    ASSERT_EQ(after[i].size(), before[i].size());
    for (std::size_t j = 0; j < after[i].size(); ++j) ASSERT_EQ(after[i][j].ordinal, before[i][j].ordinal);
  }
}

TEST_P(LeanGraphSnapshot, RefusesNeighboursThatDoNotExistInEitherPart) {
  const std::string parameters = fixture_.graph().parameters();
  for (std::vector<std::uint8_t>& column : columns_) {
    const std::vector<std::uint8_t> whole = column;
    const std::size_t row_bytes = column.size() / kRows;
    std::memset(column.data() + 1'200 * row_bytes, 0xfe, 3);
    const auto loaded = load(parameters);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::kDataCorruption) << loaded.error().message;
    column = whole;
  }
}

TEST_P(LeanGraphSnapshot, RefusesListsOfAnotherLength) {
  std::string parameters = fixture_.graph().parameters();
  ++parameters[4];
  const auto loaded = load_graph(fixture_.config(), fixture_.tables(), fixture_.quantizer(), parameters);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kDataCorruption) << loaded.error().message;
}

INSTANTIATE_TEST_SUITE_P(Metrics, LeanGraphSnapshot, testing::Values(Metric::kCosine, Metric::kEuclid),
                         [](const auto& metric) { return std::string(metric_name(metric.param)); });

TEST_F(GraphSnapshot, RefusesToCoverMoreRowsThanThereAre) {
  const std::uint32_t many = kRows + 1;
  std::memcpy(parameters_.data() + 8, &many, sizeof many);
  lists_.resize(many * row_bytes_, 0xff);
  expect_corruption();
}

}  // namespace
}  // namespace orthant
