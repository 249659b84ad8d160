// One writer beside searches, calibration and memory reports. Made for the tsan preset; elsewhere it checks what searches may see.

#include <atomic>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 24;
constexpr Ordinal kRows = 3'000;

// Row `ordinal` points along one axis with a size of its own, so that a score tells whether a row was read whole.
std::vector<float> row_of(Ordinal ordinal) {
  std::vector<float> row(kDim);
  row[ordinal % kDim] = 1 + static_cast<float>(ordinal) / kRows;
  return row;
}

void write(test::FilledIndex& filled, const std::filesystem::path& snapshot, std::mt19937_64 random) {
  while (filled.index->row_count() < kRows) {
    const Ordinal first = filled.index->row_count();
    std::vector<float> rows;
    for (Ordinal i = 0; i < 1 + random() % 90; ++i) {
      const auto row = row_of(first + i);
      rows.insert(rows.end(), row.begin(), row.end());
    }
    filled.add(rows);
    filled.index->bury(static_cast<Ordinal>(random() % filled.index->row_count()));
    if (random() % 8 != 0) continue;
    EXPECT_TRUE(filled.index->save(snapshot));
  }
}

void check_search(const VectorIndex& index, const SearchParams& params, std::mt19937_64& random) {
  std::vector<float> query(kDim);
  const std::size_t axis = random() % kDim;
  query[axis] = 1;
  const std::size_t rows_before = index.row_count();
  const auto found = index.search(query, params);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_LE(found->size(), params.limit);
  if (rows_before > 1'000) {
    ASSERT_FALSE(found->empty());
  }
  const bool exact_scores = params.stages == SearchStages::kAuto;
  for (const ScoredOrdinal& scored : *found) {
    ASSERT_LT(scored.ordinal, index.row_count());
    if (exact_scores) {
      ASSERT_NEAR(scored.score, row_of(scored.ordinal)[axis], 1e-6);
    }
  }
}

void search(const VectorIndex& index, const std::atomic<bool>& stop, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  while (!stop) {
    for (SearchStages stages : {SearchStages::kAuto, SearchStages::kBinary, SearchStages::kInt8, SearchStages::kAsymmetric}) {
      check_search(index, {.limit = 5, .stages = stages}, random);
    }
    EXPECT_GE(index.memory().total(), 0u);
  }
}

TEST(VectorIndexThreads, SearchesSeeWholeRowsWhileOneWriterAppendsAndBuries) {
  const std::uint64_t seed = test::random_seed();
  const test::TemporaryDirectory directory;
  for (FloatResidency residency : {FloatResidency::kAuto, FloatResidency::kDisk}) {
    // With kAuto the floats are dropped half way, beside running searches.
    const IndexConfig config = {
        .dim = kDim, .metric = Metric::kDot, .residency = residency, .exact_below_bytes = kRows / 2 * kDim * sizeof(float)};
    test::FilledIndex filled = test::fill_index(config, row_of(0));
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 2; ++i) threads.emplace_back([&, i] { search(*filled.index, stop, seed + i); });
    threads.emplace_back([&] {
      while (!stop) EXPECT_TRUE(filled.index->calibrate(nullptr));
    });
    write(filled, directory.path() / "index", std::mt19937_64(seed));
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(filled.index->memory().float_bytes, 0u);
  }
}

}  // namespace
}  // namespace orthant
