// Every level against plain references: exact for integers, within a bound for floats.

#include "index/kernels/dispatch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/aligned_array.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

std::vector<std::size_t> dims_to_test() {
  std::vector<std::size_t> dims;
  for (std::size_t dim = 1; dim <= 130; ++dim) dims.push_back(dim);
  for (std::size_t dim : {255, 257, 383, 384, 385, 768, 1000, 1024, 1031}) dims.push_back(dim);
  return dims;
}

class DistanceKernelsOf : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    if (!cpu_supports(GetParam())) GTEST_SKIP() << "this CPU lacks " << cpu_level_name(GetParam());
    kernels_ = distance_kernels_of(GetParam());
  }

  std::vector<std::uint8_t> random_bytes(std::size_t count) {
    std::vector<std::uint8_t> bytes(count);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
    return bytes;
  }
  std::vector<float> random_floats(std::size_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> floats(count);
    for (auto& value : floats) value = normal(random_);
    return floats;
  }

  DistanceKernels kernels_ = {};
  std::mt19937_64 random_{test::random_seed()};
};

// Tables that use the limits up: groups of twelve code bytes whose largest entries add up to 255.
std::vector<std::uint8_t> largest_tables(std::size_t code_bytes, std::mt19937_64& random) {
  std::vector<std::uint8_t> tables(code_bytes * kTableBytesPerCodeByte);
  for (std::size_t half = 0; half < 2 * code_bytes; ++half) {
    const unsigned largest = half % (2 * kTableGroupBytes) == 0 ? 25 : 10;
    for (std::size_t entry = 0; entry < 16; ++entry) {
      tables[half * 16 + entry] = static_cast<std::uint8_t>(random() % 4 == 0 ? largest : random() % (largest + 1));
    }
  }
  return tables;
}

// Entries that are sums of a share a bit, as wide tables need them: the sums of a group use up its limit now and then.
std::vector<std::uint8_t> additive_tables(std::size_t code_bytes, std::mt19937_64& random) {
  std::vector<std::uint8_t> tables(code_bytes * kTableBytesPerCodeByte);
  for (std::size_t half = 0; half < 2 * code_bytes; ++half) {
    const unsigned counted_when = static_cast<unsigned>(random() % 16);
    for (unsigned bit = 0; bit < 4; ++bit) {
      const unsigned share = half % (2 * kTableGroupBytes) == 0 && bit == 0 ? 255 - 2 * (8 * kTableGroupBytes - 1) : random() % 3;
      for (unsigned entry = 0; entry < 16; ++entry) {
        if (((entry ^ counted_when) >> bit & 1) != 0)
          tables[half * 16 + entry] = static_cast<std::uint8_t>(tables[half * 16 + entry] + share);
      }
    }
  }
  return tables;
}

std::uint32_t plain_sum(const std::vector<std::uint8_t>& tables, const std::uint8_t* block, std::size_t code_bytes,
                        std::size_t row) {
  std::uint32_t sum = 0;
  for (std::size_t byte = 0; byte < code_bytes; ++byte) {
    const std::uint8_t code = block[byte * kBlockRows + row];
    sum += tables[byte * 32 + (code >> 4)] + tables[byte * 32 + 16 + (code & 15)];
  }
  return sum;
}

TEST_P(DistanceKernelsOf, SumTablesOverABlockExactly) {
  for (std::size_t code_bytes : {1, 2, 3, 7, 8, 9, 15, 16, 17, 47, 48, 49, 96, 125, 128, 2056}) {
    const auto tables = largest_tables(code_bytes, random_);
    const auto block = random_bytes(code_bytes * kBlockRows);
    std::vector<std::uint16_t> sums(kBlockRows);
    kernels_.table_sums_block(tables.data(), block.data(), code_bytes, sums.data());
    for (std::size_t row = 0; row < kBlockRows; ++row) {
      ASSERT_EQ(sums[row], plain_sum(tables, block.data(), code_bytes, row)) << code_bytes << " bytes, row " << row;
    }
  }
}

struct ScanCase {
  std::vector<std::uint8_t> tables;
  std::vector<std::uint8_t> blocks;
  std::vector<std::uint64_t> masks;
  std::vector<float> scales;
  std::vector<float> offsets;
};

// The definition in distance_kernels.h, with separate roundings.
std::vector<Candidate> plain_scan(const ScanCase& data, const BlockScan& scan, std::uint32_t first_ordinal) {
  std::vector<Candidate> found;
  for (std::size_t row = 0; row < data.masks.size() * kBlockRows; ++row) {
    const std::size_t block = row / kBlockRows;
    const auto sum = static_cast<float>(
        plain_sum(data.tables, data.blocks.data() + block * kBlockRows * scan.code_bytes, scan.code_bytes, row % kBlockRows));
    volatile float distance = sum;
    if (scan.scales != nullptr) {
      distance = distance * scan.step;
      distance = distance + scan.base;
      distance = distance * scan.scales[row];
      if (scan.offsets != nullptr) distance = distance + scan.offsets[row];
    }
    if ((data.masks[block] >> (row % kBlockRows) & 1) != 0 && distance < scan.bound) {
      found.push_back({distance, first_ordinal + static_cast<std::uint32_t>(row)});
    }
  }
  return found;
}

TEST_P(DistanceKernelsOf, HandOnTheRowsBelowTheBound) {
  constexpr std::size_t kBlocks = 9;
  for (std::size_t code_bytes : {1, 5, 8, 48, 50}) {
    ScanCase data = {largest_tables(code_bytes, random_),
                     random_bytes(code_bytes * kBlockRows * kBlocks),
                     {},
                     random_floats(kBlocks * kBlockRows),
                     random_floats(kBlocks * kBlockRows)};
    for (std::size_t block = 0; block < kBlocks; ++block) data.masks.push_back(block % 3 == 2 ? ~std::uint64_t{0} : random_());
    data.masks[1] = 0;
    const float middle = static_cast<float>(code_bytes) * 12;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (float bound : {-kInfinity, -1.0f, 0.0f, 1.0f, middle, middle + 0.5f, middle * 0.8f, 65535.0f, 65536.0f, kInfinity}) {
      for (int factors = 0; factors < 3; ++factors) {
        const BlockScan scan = {data.tables.data(),
                                code_bytes,
                                bound,
                                0.37f,
                                -middle * 0.4f,
                                factors > 0 ? data.scales.data() : nullptr,
                                factors > 1 ? data.offsets.data() : nullptr};
        std::vector<Candidate> found(kBlocks * kBlockRows);
        found.resize(kernels_.scan_blocks(scan, data.blocks.data(), data.masks.data(), kBlocks, 1000, found.data()));
        const std::vector<Candidate> expected = plain_scan(data, scan, 1000);
        ASSERT_EQ(found.size(), expected.size()) << code_bytes << " bytes, bound " << bound << ", factors " << factors;
        for (std::size_t i = 0; i < found.size(); ++i) {
          ASSERT_EQ(found[i].ordinal, expected[i].ordinal);
          ASSERT_EQ(found[i].distance, expected[i].distance);
        }
      }
    }
  }
}

TEST_P(DistanceKernelsOf, SumWideTablesAsTheyStandForPlainOnes) {
  if (kernels_.widen_tables == nullptr) GTEST_SKIP() << "no wide tables at " << cpu_level_name(GetParam()) << " on this CPU";
  constexpr std::size_t kBlocks = 3;
  for (std::size_t code_bytes : {1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 24, 47, 48, 49, 50, 96, 97, 128, 250}) {
    ScanCase data = {additive_tables(code_bytes, random_),
                     random_bytes(code_bytes * kBlockRows * kBlocks),
                     std::vector<std::uint64_t>(kBlocks, ~std::uint64_t{0}),
                     random_floats(kBlocks * kBlockRows),
                     {}};
    AlignedArray<std::uint8_t> wide(wide_table_bytes(code_bytes));
    kernels_.widen_tables(data.tables.data(), code_bytes, wide.data());
    for (const float* scales : {static_cast<const float*>(nullptr), static_cast<const float*>(data.scales.data())}) {
      const BlockScan scan = {data.tables.data(), code_bytes, 1e30f, 0.37f, -5.0f, scales, nullptr, wide.data()};
      std::vector<Candidate> found(kBlocks * kBlockRows);
      ASSERT_EQ(kernels_.scan_blocks(scan, data.blocks.data(), data.masks.data(), kBlocks, 0, found.data()), found.size());
      const std::vector<Candidate> expected = plain_scan(data, scan, 0);
      for (std::size_t i = 0; i < found.size(); ++i)
        ASSERT_EQ(found[i].distance, expected[i].distance) << code_bytes << " bytes, row " << i;
    }
  }
}

TEST_P(DistanceKernelsOf, GiveExactInt8DotProducts) {
  constexpr std::size_t kRows = 15;
  for (std::size_t dim : dims_to_test()) {
    const auto query_bytes = random_bytes(dim);
    std::vector<std::int8_t> query(dim);
    std::memcpy(query.data(), query_bytes.data(), dim);
    const auto rows = random_bytes(dim * kRows);
    std::vector<std::int32_t> by_rows(kRows);
    std::vector<std::int32_t> by_list(kRows);
    std::vector<const std::uint8_t*> pointers;
    for (std::size_t row = 0; row < kRows; ++row) pointers.push_back(rows.data() + row * dim);
    std::ranges::reverse(pointers);
    kernels_.dot_i8_rows(query.data(), rows.data(), dim, kRows, by_rows.data());
    kernels_.dot_i8_list(query.data(), pointers.data(), dim, kRows, by_list.data());
    std::vector<std::int32_t> near(kRows);
    kernels_.dot_i8_near(query.data(), pointers.data(), dim, kRows, near.data());
    ASSERT_EQ(near, by_list) << "dim " << dim;
    for (std::size_t row = 0; row < kRows; ++row) {
      std::int64_t expected = 0;
      for (std::size_t i = 0; i < dim; ++i) expected += query[i] * (int{rows[row * dim + i]} - 128);
      ASSERT_EQ(by_rows[row], expected) << "dim " << dim << ", row " << row;
      ASSERT_EQ(by_list[kRows - 1 - row], expected) << "dim " << dim << ", row " << row;
    }
  }
}

TEST_P(DistanceKernelsOf, DoNotOverflowInt8DotProductsOf65536Dimensions) {
  constexpr std::size_t kDim = 65'536;
  for (int query_value : {-128, 127}) {
    for (int row_value : {-128, 127}) {
      const std::vector<std::int8_t> query(kDim, static_cast<std::int8_t>(query_value));
      const std::vector<std::uint8_t> row(kDim, static_cast<std::uint8_t>(row_value + 128));
      std::int32_t dot = 0;
      kernels_.dot_i8_rows(query.data(), row.data(), kDim, 1, &dot);
      ASSERT_EQ(dot, query_value * row_value * static_cast<int>(kDim));
    }
  }
}

using FloatKernel = void (*)(const float*, const float*, std::size_t, std::size_t, float*);
using FloatListKernel = void (*)(const float*, const float* const*, std::size_t, std::size_t, float*);

void check_float_kernel(FloatKernel by_rows, FloatListKernel by_list, double (*term)(double, double), std::size_t dim,
                        const std::vector<float>& query, const std::vector<float>& rows) {
  const std::size_t count = rows.size() / dim;
  std::vector<float> results(count);
  std::vector<float> list_results(count);
  std::vector<const float*> pointers;
  for (std::size_t row = 0; row < count; ++row) pointers.push_back(rows.data() + row * dim);
  by_rows(query.data(), rows.data(), dim, count, results.data());
  by_list(query.data(), pointers.data(), dim, count, list_results.data());
  for (std::size_t row = 0; row < count; ++row) {
    double expected = 0;
    double magnitude = 0;
    for (std::size_t i = 0; i < dim; ++i) {
      expected += term(query[i], rows[row * dim + i]);
      magnitude += std::fabs(term(query[i], rows[row * dim + i]));
    }
    // Vectors of four lanes and more: at most dim / 4 + 4 roundings on the way of any term.
    const double bound = magnitude * (static_cast<double>(dim) / 4 + 6) * 0x1p-24;
    ASSERT_NEAR(results[row], expected, bound) << "dim " << dim;
    ASSERT_EQ(list_results[row], results[row]) << "dim " << dim;
  }
}

TEST_P(DistanceKernelsOf, GiveFloatDistancesWithinTheRoundingBound) {
  for (std::size_t dim : dims_to_test()) {
    const auto query = random_floats(dim);
    const auto rows = random_floats(dim * 7);
    check_float_kernel(kernels_.dot_f32_rows, kernels_.dot_f32_list, [](double q, double x) { return q * x; }, dim, query, rows);
    check_float_kernel(
        kernels_.l2_f32_rows, kernels_.l2_f32_list, [](double q, double x) { return (q - x) * (q - x); }, dim, query, rows);
    check_float_kernel(
        kernels_.l1_f32_rows, kernels_.l1_f32_list, [](double q, double x) { return std::fabs(q - x); }, dim, query, rows);
  }
}

TEST_P(DistanceKernelsOf, CountDifferingBits) {
  constexpr std::size_t kRows = 5;
  for (std::size_t code_bytes = 1; code_bytes <= 140; ++code_bytes) {
    const auto query = random_bytes(code_bytes);
    const auto rows = random_bytes(code_bytes * kRows);
    std::vector<std::uint32_t> results(kRows);
    kernels_.hamming_rows(query.data(), rows.data(), code_bytes, kRows, results.data());
    for (std::size_t row = 0; row < kRows; ++row) {
      std::uint32_t expected = 0;
      for (std::size_t i = 0; i < code_bytes; ++i) {
        expected += static_cast<std::uint32_t>(std::popcount(static_cast<unsigned>(query[i] ^ rows[row * code_bytes + i])));
      }
      ASSERT_EQ(results[row], expected) << code_bytes << " bytes";
    }
  }
}

TEST_P(DistanceKernelsOf, DecodeInt8Exactly) {
  for (std::size_t dim : dims_to_test()) {
    const auto code = random_bytes(dim);
    std::vector<float> decoded(dim);
    kernels_.decode_i8(code.data(), dim, 0.0371f, decoded.data());
    for (std::size_t i = 0; i < dim; ++i) ASSERT_EQ(decoded[i], 0.0371f * static_cast<float>(int{code[i]} - 128)) << "dim " << dim;
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, DistanceKernelsOf, testing::ValuesIn(all_cpu_levels().begin(), all_cpu_levels().end()),
                         [](const auto& instance) { return std::string(cpu_level_name(instance.param)); });

}  // namespace
}  // namespace orthant
