#include "index/look_up_tables.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/kernels/distance_kernels.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

std::uint32_t sum_of(const LookUpTables& tables, std::span<const std::uint8_t> code) {
  std::uint32_t sum = 0;
  for (std::size_t byte = 0; byte < code.size(); ++byte) {
    sum += tables.entries[byte * 32 + (code[byte] >> 4)] + tables.entries[byte * 32 + 16 + (code[byte] & 15)];
  }
  return sum;
}

void expect_within_limits(const LookUpTables& tables) {
  std::uint32_t total = 0;
  const std::size_t code_bytes = tables.entries.size() / kTableBytesPerCodeByte;
  for (std::size_t first = 0; first < code_bytes; first += kTableGroupBytes) {
    std::uint32_t group = 0;
    for (std::size_t half = 2 * first; half < 2 * std::min(first + kTableGroupBytes, code_bytes); ++half) {
      group += *std::max_element(tables.entries.begin() + static_cast<std::ptrdiff_t>(half * 16),
                                 tables.entries.begin() + static_cast<std::ptrdiff_t>(half * 16 + 16));
    }
    ASSERT_LE(group, 255u);
    total += group;
  }
  ASSERT_LE(total, 65'535u);
}

TEST(LookUpTables, EstimateSignedSumsToAQuarterOfAStepADimension) {
  std::mt19937_64 random(test::random_seed());
  std::normal_distribution<float> normal;
  for (std::size_t dim : {1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 130, 384, 1024, 4099}) {
    std::vector<float> weights(dim);
    for (float& weight : weights) weight = normal(random);
    const LookUpTables tables = make_signed_sum_tables(weights);
    ASSERT_EQ(tables.entries.size(), (dim + 7) / 8 * kTableBytesPerCodeByte);
    expect_within_limits(tables);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::vector<std::uint8_t> code((dim + 7) / 8);
      for (auto& byte : code) byte = static_cast<std::uint8_t>(random());
      double expected = 0;
      for (std::size_t i = 0; i < dim; ++i) expected += (code[i / 8] >> (7 - i % 8) & 1) != 0 ? weights[i] : -weights[i];
      const double estimate = double{tables.step} * sum_of(tables, code) + tables.base;
      ASSERT_NEAR(estimate, expected, (static_cast<double>(dim) * 0.25 + 0.01) * tables.step) << "dim " << dim;
    }
  }
}

TEST(LookUpTables, KeepTheLimitsForUnevenAndHugeWeights) {
  for (std::size_t dim : {64, 1000, 65'536}) {
    std::vector<float> weights(dim, 0.0f);
    weights[dim / 2] = -1e30f;
    expect_within_limits(make_signed_sum_tables(weights));
    std::ranges::fill(weights, 3e38f);
    expect_within_limits(make_signed_sum_tables(weights));
  }
}

TEST(LookUpTables, AreAdditiveAsWideTablesNeed) {
  std::mt19937_64 random(test::random_seed());
  std::normal_distribution<float> normal;
  std::vector<float> weights(203);
  for (float& weight : weights) weight = normal(random);
  const LookUpTables tables = make_signed_sum_tables(weights);
  for (std::size_t half = 0; half < tables.entries.size(); half += 16) {
    const std::uint8_t* entries = tables.entries.data() + half;
    for (unsigned i = 0; i < 16; ++i) ASSERT_EQ(entries[i] + entries[0], entries[i & 3] + entries[i & 12]);
  }
}

TEST(LookUpTables, CountAllDimensionsButTheLastOfTheMost) {
  const std::vector<std::uint8_t> code(8'192, 0xff);
  const LookUpTables tables = make_hamming_tables(code, 65'536);
  expect_within_limits(tables);
  EXPECT_EQ(sum_of(tables, std::vector<std::uint8_t>(8'192, 0x00)), 65'535u);
  EXPECT_EQ(sum_of(tables, code), 0u);
}

TEST(LookUpTables, TreatAllRowsAlikeForTheZeroQuery) {
  const LookUpTables tables = make_signed_sum_tables(std::vector<float>(20, 0.0f));
  EXPECT_EQ(tables.step, 0);
  EXPECT_EQ(tables.base, 0);
}

TEST(LookUpTables, CountDifferingBits) {
  std::mt19937_64 random(test::random_seed());
  for (std::size_t dim : {1, 8, 13, 384, 1024}) {
    std::vector<std::uint8_t> a((dim + 7) / 8);
    std::vector<std::uint8_t> b(a.size());
    for (auto& byte : a) byte = static_cast<std::uint8_t>(random());
    for (auto& byte : b) byte = static_cast<std::uint8_t>(random());
    std::uint32_t differing = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      differing += static_cast<std::uint32_t>(std::popcount(static_cast<unsigned>(a[i] ^ b[i])));
    const LookUpTables tables = make_hamming_tables(a, dim);
    expect_within_limits(tables);
    EXPECT_EQ(sum_of(tables, b), differing);
  }
}

}  // namespace
}  // namespace orthant
