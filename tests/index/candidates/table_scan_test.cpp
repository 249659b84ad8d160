// The scan by look-up tables against plain loops over row-major codes, with one query and several, alone and on threads.

#include "index/candidates/table_scan.h"

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/kernels/dispatch.h"
#include "index/look_up_tables.h"
#include "index/top_k.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 32;
constexpr std::size_t kCodeBytes = kDim / 8;

// Rows of 32 bits (few distinct distances, many ties) and what a test scans them for.
struct Scanned {
  explicit Scanned(std::vector<std::uint8_t> row_codes, bool with_scales = false)
      : codes(std::move(row_codes)), row_count(codes.size() / kCodeBytes) {
    tables = std::make_unique<CodeTables>(IndexConfig{.dim = kDim}, kCodeBytes, with_scales, false);
    EncodedRows rows;
    rows.row_count = row_count;
    rows.bits = codes;
    rows.int8_codes.resize(row_count * kDim);
    rows.int8_scales.resize(row_count);
    std::mt19937_64 random(1);
    if (with_scales) {
      for (std::size_t i = 0; i < row_count; ++i) scales.push_back(0.5f + static_cast<float>(random() % 100) / 100);
      rows.bit_scales = scales;
    }
    tables->append(rows);
  }

  TableQuery query(const LookUpTables& look_up) const {
    return {{look_up.entries.data(), kCodeBytes, 0, look_up.step, look_up.base, nullptr, nullptr, look_up.wide.data()},
            look_up.largest_sum,
            tables->bit_scales()};
  }

  std::vector<Candidate> expected(const LookUpTables& look_up, const RowMask& mask, std::size_t depth) const {
    std::vector<Candidate> all;
    for (std::size_t row = 0; row < row_count; ++row) {
      if (!mask.contains(static_cast<Ordinal>(row))) continue;
      unsigned sum = 0;
      for (std::size_t byte = 0; byte < kCodeBytes; ++byte) {
        const unsigned code = codes[row * kCodeBytes + byte];
        sum += look_up.entries[byte * 32 + code / 16] + look_up.entries[byte * 32 + 16 + code % 16];
      }
      volatile float distance = static_cast<float>(sum);
      if (!scales.empty()) {
        distance = distance * look_up.step;
        distance = distance + look_up.base;
        distance = distance * scales[row];
      }
      all.push_back({distance, static_cast<Ordinal>(row)});
    }
    std::ranges::sort(all, nearer);
    all.resize(std::min(depth, all.size()));
    return all;
  }

  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  std::size_t row_count;
  std::unique_ptr<CodeTables> tables;
};

std::vector<std::uint8_t> random_codes(std::size_t row_count, std::mt19937_64& random) {
  std::vector<std::uint8_t> codes(row_count * kCodeBytes);
  for (std::uint8_t& byte : codes) byte = static_cast<std::uint8_t>(random());
  return codes;
}

std::vector<LookUpTables> random_tables(std::size_t count, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<LookUpTables> all;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<float> weights(kDim);
    for (float& weight : weights) weight = normal(random);
    all.push_back(make_signed_sum_tables(weights));
  }
  return all;
}

void expect_nearest(const Scanned& scanned, const RowMask& mask, std::span<const LookUpTables> look_ups, std::size_t depth,
                    ThreadPool* pool) {
  std::vector<TableQuery> queries;
  for (const LookUpTables& look_up : look_ups) queries.push_back(scanned.query(look_up));
  std::vector<std::vector<Candidate>> found = TableScan(*scanned.tables, distance_kernels(), mask, pool).nearest(queries, depth);
  ASSERT_EQ(found.size(), queries.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::vector<Candidate> expected = scanned.expected(look_ups[i], mask, depth);
    std::ranges::sort(found[i], nearer);
    ASSERT_EQ(found[i].size(), expected.size()) << "query " << i << ", depth " << depth;
    for (std::size_t rank = 0; rank < expected.size(); ++rank) {
      ASSERT_EQ(found[i][rank].ordinal, expected[rank].ordinal) << "query " << i << ", depth " << depth << ", rank " << rank;
      ASSERT_EQ(found[i][rank].distance, expected[rank].distance);
    }
  }
}

TEST(TableScan, FindsTheNearestOfSeveralQueriesInOnePass) {
  std::mt19937_64 random(test::random_seed());
  const auto look_ups = random_tables(3, random);
  for (const bool with_scales : {false, true}) {
    for (std::size_t row_count : {1, 63, 64, 65, 5'000, 40'007}) {
      const Scanned scanned(random_codes(row_count, random), with_scales);
      const RowMask mask(*scanned.tables, nullptr, row_count);
      for (std::size_t depth : {1, 10, 500, 6'000}) expect_nearest(scanned, mask, look_ups, depth, nullptr);
    }
  }
}

TEST(TableScan, PassesOverBuriedAndForbiddenRowsAndThoseBeforeTheFirst) {
  std::mt19937_64 random(test::random_seed());
  const Scanned scanned(random_codes(40'007, random));
  const auto look_ups = random_tables(2, random);
  for (int i = 0; i < 3'000; ++i) scanned.tables->bury(static_cast<Ordinal>(random() % scanned.row_count));
  Bitmap allowed(scanned.row_count);
  for (std::size_t row = 0; row < scanned.row_count; ++row) {
    if (random() % 3 == 0) allowed.set(row);
  }
  for (std::size_t depth : {10, 500}) {
    expect_nearest(scanned, RowMask(*scanned.tables, nullptr, scanned.row_count), look_ups, depth, nullptr);
    expect_nearest(scanned, RowMask(*scanned.tables, &allowed, scanned.row_count), look_ups, depth, nullptr);
    expect_nearest(scanned, RowMask(*scanned.tables, nullptr, scanned.row_count, 3'333), look_ups, depth, nullptr);
    expect_nearest(scanned, RowMask(*scanned.tables, nullptr, scanned.row_count, 40'000), look_ups, depth, nullptr);
  }
}

// The blocks that are sampled hold all the near rows, so the guessed bound lets too few through.
TEST(TableScan, ScansAgainWhenTheGuessedBoundWasTooLow) {
  constexpr std::size_t kBlocks = 1'024;
  std::mt19937_64 random(test::random_seed());
  const auto look_ups = random_tables(1, random);
  std::vector<std::uint8_t> codes(kBlocks * kBlockRows * kCodeBytes);
  std::vector<std::uint8_t> nearest(kCodeBytes);
  for (std::size_t half = 0; half < 2 * kCodeBytes; ++half) {
    const auto* entries = look_ups[0].entries.data() + half * 16;
    const auto best = static_cast<std::uint8_t>(std::min_element(entries, entries + 16) - entries);
    nearest[half / 2] = static_cast<std::uint8_t>(nearest[half / 2] | (half % 2 == 0 ? best << 4 : best));
  }
  for (std::size_t row = 0; row < kBlocks * kBlockRows; ++row) {
    const bool sampled = row / kBlockRows % 32 == 0;
    for (std::size_t byte = 0; byte < kCodeBytes; ++byte) {
      codes[row * kCodeBytes + byte] = sampled ? nearest[byte] : static_cast<std::uint8_t>(random());
    }
  }
  const Scanned scanned(std::move(codes));
  expect_nearest(scanned, RowMask(*scanned.tables, nullptr, scanned.row_count), look_ups, 3'000, nullptr);
}

TEST(TableScan, FindsTheSameOnThreads) {
  std::mt19937_64 random(test::random_seed());
  ThreadPool pool("scan-test", 3, 64);
  const auto look_ups = random_tables(2, random);
  for (const bool with_scales : {false, true}) {
    const Scanned scanned(random_codes(300'011, random), with_scales);
    const RowMask mask(*scanned.tables, nullptr, scanned.row_count);
    for (std::size_t depth : {10, 700}) expect_nearest(scanned, mask, look_ups, depth, &pool);
  }
}

}  // namespace
}  // namespace orthant
