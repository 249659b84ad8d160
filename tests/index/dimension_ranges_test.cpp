#include "index/dimension_ranges.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/npy.h"
#include "index/kernels/dispatch.h"
#include "index/row_distances.h"
#include "index/row_encoder.h"
#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using test::BruteForce;
using test::clustered_rows;
using test::FilledIndex;

constexpr std::size_t kDim = 48;
constexpr std::size_t kRows = 3'000;
const std::atomic<bool> kGoOn{false};

// What the package itself made: scripts/make_golden_quantization.py.
std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "quantization" / name;
}

TEST(DimensionRanges, GiveTheBytesOfSentenceTransformers) {
  for (const auto& [folder, rows] :
       {std::pair("calibrated", "calibration.npy"), std::pair("boundaries", "ranges.npy"), std::pair("one_row", "ranges.npy")}) {
    const FloatMatrix ranged = read_npy_floats(golden(folder) / rows).value();
    const FloatMatrix embeddings = read_npy_floats(golden(folder) / "embeddings.npy").value();
    const auto expected = read_npy(golden(folder) / "uint8.npy").value();
    const auto ranges = DimensionRanges::of_rows(ranged.values, ranged.columns, 1);
    std::vector<std::uint8_t> codes(embeddings.values.size());
    for (std::size_t first = 0; first < codes.size(); first += embeddings.columns) {
      ranges->encode(std::span(embeddings.values).subspan(first, embeddings.columns),
                     std::span(codes).subspan(first, embeddings.columns));
    }
    EXPECT_EQ(codes, expected.bytes) << folder;
  }
}

TEST(DimensionRanges, HoldTheMiddleShareOfEachDimension) {
  std::mt19937_64 random(test::random_seed());
  std::vector<float> rows(1'000 * 3);
  for (float& value : rows) value = std::normal_distribution<float>()(random);
  const auto ranges = DimensionRanges::of_rows(rows, 3, 0.9);
  EXPECT_NEAR(ranges->outside_share(rows), 0.1, 0.003);
  EXPECT_EQ(DimensionRanges::of_rows(rows, 3, 1)->outside_share(rows), 0);
  std::vector<std::uint8_t> code(3);
  std::vector<float> decoded(3);
  for (std::size_t row = 0; row < 1'000; ++row) {
    const auto vector = std::span(rows).subspan(row * 3, 3);
    ranges->encode(vector, code);
    ranges->decode(code.data(), decoded.data());
    // +- 1.645 standard deviations in 255 steps.
    for (std::size_t i = 0; i < 3; ++i) {
      if (std::fabs(vector[i]) < 1.4f) {
        EXPECT_NEAR(decoded[i], vector[i], 0.0075);
      }
    }
  }
}

TEST(DimensionRanges, ComeBackFromTheirParametersAndRefuseOthers) {
  std::mt19937_64 random(test::random_seed());
  const std::vector<float> rows = clustered_rows(50, 7, random);
  const auto ranges = DimensionRanges::of_rows(rows, 7, 1);
  const auto again = DimensionRanges::restore(7, ranges->parameters());
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->parameters(), ranges->parameters());
  std::vector<std::uint8_t> code(7), code_again(7);
  ranges->encode(std::span(rows).first(7), code);
  again->encode(std::span(rows).first(7), code_again);
  EXPECT_EQ(code, code_again);
  EXPECT_EQ(DimensionRanges::restore(8, ranges->parameters()), nullptr);
  EXPECT_EQ(DimensionRanges::restore(7, ""), nullptr);
  std::string damaged = ranges->parameters();
  std::fill_n(damaged.begin() + 7 * sizeof(float), sizeof(float), '\0');  // a step of 0
  EXPECT_EQ(DimensionRanges::restore(7, damaged), nullptr);
}

// One dimension of ten times the others' spread and one that lies far off: what ranges are for. Products of the integers are those
// of the decoded row, up to the rounding of the query; on every level the same.
TEST(DimensionRanges, DistancesAreThoseOfTheDecodedRows) {
  std::mt19937_64 random(test::random_seed());
  for (const Metric metric : {Metric::kDot, Metric::kEuclid, Metric::kCosine}) {
    std::vector<float> rows = clustered_rows(130, kDim, random);
    for (std::size_t row = 0; row < 130; ++row) {
      rows[row * kDim] *= 10;
      rows[row * kDim + 1] += 5;
    }
    const auto ranges = DimensionRanges::of_rows(rows, kDim, 1);
    const IndexConfig config = {.dim = kDim, .metric = metric, .int8_codes = Int8Codes::kDimension};
    const auto quantizer = make_binary_quantizer(config);
    CodeTables tables(config, quantizer->code_bytes(), quantizer->has_row_scales(), false, {}, ranges);
    ASSERT_TRUE(tables.append(encode_float_rows(config, *quantizer, false, rows, {}, ranges.get())));
    ASSERT_EQ(tables.int8_scales(), nullptr);
    const RowColumn* codes = tables.int8_codes();
    ASSERT_NE(codes, nullptr);
    const PreparedQuery query = prepare_query(metric, nullptr, clustered_rows(1, kDim, random), {.int8 = true}, ranges.get());
    std::vector<float> found(130), portable(130), decoded(kDim);
    for (Ordinal first : {0u, 64u, 128u}) {
      const std::size_t count = std::min<std::size_t>(64, 130 - first);
      Int8Distances(tables, distance_kernels(), query).rows(first, count, found.data() + first);
      Int8Distances(tables, kPortableKernels, query).rows(first, count, portable.data() + first);
    }
    EXPECT_EQ(found, portable);
    for (Ordinal row = 0; row < 130; ++row) {
      ranges->decode(codes->row(row), decoded.data());
      double product = 0;
      double norm = 0;
      double magnitudes = 0;
      for (std::size_t i = 0; i < kDim; ++i) {
        product += double{query.floats[i]} * decoded[i];
        magnitudes += std::abs(codes->row(row)[i] - 128);
        norm += metric == Metric::kEuclid ? double{rows[row * kDim + i]} * rows[row * kDim + i] : 0;
      }
      const double rounding = query.int8.scale / 2 * magnitudes + 1e-5 * std::max(1.0, std::fabs(product));
      const double expected = metric == Metric::kEuclid ? norm - 2 * product + query.squared_norm : -product;
      EXPECT_NEAR(found[row], expected, 2 * rounding + 1e-5 * std::max(1.0, norm)) << row;
    }
  }
}

class RangedIndexTest : public testing::Test {
 protected:
  IndexConfig config(Metric metric, BinaryCodes codes = BinaryCodes::kAuto) const {
    return {.dim = kDim,
            .metric = metric,
            .residency = FloatResidency::kDisk,
            .exact_below_bytes = 0,
            .binary_codes = codes,
            .int8_codes = Int8Codes::kDimension};
  }
  std::unique_ptr<VectorIndex> trained(const FilledIndex& filled) {
    EXPECT_TRUE(filled.index->needs_training());
    auto successor = filled.index->retrained(nullptr, kGoOn).value();
    EXPECT_NE(successor, nullptr);
    EXPECT_TRUE(successor->take_over(*filled.index, nullptr));
    EXPECT_FALSE(successor->needs_training());
    // No scales beside the codes.
    EXPECT_EQ(successor->memory().int8_bytes % kDim, 0U);
    return successor;
  }
  double recall(const VectorIndex& index, const SearchParams& params = {}) {
    std::size_t found = 0;
    for (int i = 0; i < 40; ++i) {
      const std::vector<float> query = clustered_rows(1, kDim, random_);
      const auto exact = index.search(query, {.exact = true}).value();
      const auto answer = index.search(query, params).value();
      for (const ScoredOrdinal& row : answer) {
        found += std::ranges::any_of(exact, [&](const ScoredOrdinal& one) { return one.ordinal == row.ordinal; }) ? 1 : 0;
      }
    }
    return static_cast<double>(found) / 400;
  }

  std::mt19937_64 random_{test::sample_seed()};
  std::vector<float> rows_ = clustered_rows(kRows, kDim, random_);
};

TEST_F(RangedIndexTest, LearnsItsRangesUnderEveryMetricAndQuantizer) {
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    for (const BinaryCodes codes : {BinaryCodes::kSign, BinaryCodes::kAuto}) {
      SCOPED_TRACE(metric_name(metric));
      const FilledIndex filled = test::fill_index(config(metric, codes), rows_);
      const auto index = trained(filled);
      EXPECT_GE(recall(*index, {.stages = SearchStages::kInt8}), 0.9);
      ASSERT_TRUE(index->calibrate(nullptr));
      EXPECT_GE(recall(*index), 0.97);
    }
  }
}

TEST_F(RangedIndexTest, ServesGraphsAndLists) {
  using Case = std::pair<IndexStructure, Metric>;
  for (const auto& [structure, metric] : {Case(IndexStructure::kGraph, Metric::kCosine), Case(IndexStructure::kGraph, Metric::kDot),
                                          Case(IndexStructure::kLists, Metric::kEuclid)}) {
    IndexConfig asked = config(metric);
    asked.structure = structure;
    const FilledIndex filled = test::fill_index(asked, rows_);
    const auto index = trained(filled);
    while (index->needs_build()) ASSERT_TRUE(index->build(nullptr, kGoOn));
    ASSERT_TRUE(index->calibrate(nullptr));
    SearchTrace trace;
    ASSERT_TRUE(index->search(clustered_rows(1, kDim, random_), {}, &trace));
    EXPECT_EQ(trace.stages.front().name, structure_name(structure));
    EXPECT_GE(recall(*index), 0.97) << metric_name(metric);
  }
}

TEST_F(RangedIndexTest, ComesBackFromASnapshotAndRefusesAnotherForm) {
  const test::TemporaryDirectory folder;
  const FilledIndex filled = test::fill_index(config(Metric::kCosine), rows_);
  const auto file = folder.path() / "index";
  // Untrained first.
  ASSERT_TRUE(filled.index->save(file));
  EXPECT_TRUE(VectorIndex::load(file, config(Metric::kCosine), filled.stored.get()).value()->needs_training());
  const auto index = trained(filled);
  ASSERT_TRUE(index->save(file));
  const auto loaded = VectorIndex::load(file, config(Metric::kCosine), filled.stored.get()).value();
  EXPECT_FALSE(loaded->needs_training());
  for (int i = 0; i < 10; ++i) {
    const std::vector<float> query = clustered_rows(1, kDim, random_);
    const auto before = index->search(query, {.stages = SearchStages::kInt8}).value();
    const auto after = loaded->search(query, {.stages = SearchStages::kInt8}).value();
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t rank = 0; rank < before.size(); ++rank) {
      EXPECT_EQ(before[rank].ordinal, after[rank].ordinal);
      EXPECT_EQ(before[rank].score, after[rank].score);
    }
  }
  IndexConfig scaled = config(Metric::kCosine);
  scaled.int8_codes = Int8Codes::kVector;
  EXPECT_EQ(VectorIndex::load(file, scaled, filled.stored.get()).error().code, ErrorCode::kDataCorruption);
}

// Rows twice as long as those that the ranges were learned from.
TEST_F(RangedIndexTest, IsTrainedAnewWhenNewRowsLieOutside) {
  FilledIndex filled = test::fill_index(config(Metric::kDot, BinaryCodes::kSign), rows_);
  filled.index = trained(filled);
  filled.add(clustered_rows(kRows, kDim, random_));
  EXPECT_TRUE(filled.index->needs_training());
  EXPECT_EQ(filled.index->retrained(nullptr, kGoOn).value(), nullptr) << "the same kind of rows";
  std::vector<float> longer = clustered_rows(2 * kRows, kDim, random_);
  for (float& value : longer) value *= 2;
  filled.add(longer);
  EXPECT_TRUE(filled.index->needs_training());
  EXPECT_NE(filled.index->retrained(nullptr, kGoOn).value(), nullptr);
}

TEST(Int8Codes, RefuseAQuantileThatIsNone) {
  IndexConfig config = {.dim = 4};
  for (const double bad : {0.4, 1.1, std::nan("")}) {
    config.int8_quantile = bad;
    EXPECT_FALSE(validate(config)) << bad;
  }
  config.int8_quantile = 0.5;
  EXPECT_TRUE(validate(config));
}

}  // namespace
}  // namespace orthant
