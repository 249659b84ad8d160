#include "index/row_mask.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/row_encoder.h"
#include "index/sign_quantizer.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::size_t kRows = 300;

class RowMaskTest : public testing::Test {
 protected:
  RowMaskTest() : tables_(config_, 1, false, false) {
    const SignQuantizer quantizer(config_.dim, false);
    tables_.append(encode_float_rows(config_, quantizer, false, std::vector<float>(kRows * config_.dim, 1.0f), {}));
  }

  std::vector<Ordinal> rows_of(const RowMask& mask) const {
    std::vector<Ordinal> rows;
    mask.for_each([&](Ordinal ordinal) { rows.push_back(ordinal); });
    return rows;
  }

  const IndexConfig config_ = {.dim = 8};
  CodeTables tables_;
};

TEST_F(RowMaskTest, HoldsAllowedLivePublishedRowsOfItsRange) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 200; ++round) {
    const std::size_t row_count = random() % (kRows + 1);
    const std::size_t first_row = random() % (kRows + 40);
    Bitmap allowed(kRows);
    for (std::size_t row = 0; row < kRows; ++row) {
      if (random() % 3 != 0) allowed.set(row);
    }
    tables_.bury(static_cast<Ordinal>(random() % kRows));
    const RowMask mask = RowMask(tables_, &allowed, row_count).tail(first_row);
    std::vector<Ordinal> expected;
    for (std::size_t row = first_row; row < row_count; ++row) {
      if (allowed.test(row) && !tables_.is_buried(static_cast<Ordinal>(row))) expected.push_back(static_cast<Ordinal>(row));
    }
    ASSERT_EQ(rows_of(mask), expected) << "rows " << first_row << " to " << row_count;
    ASSERT_EQ(mask.count(), expected.size());
    for (Ordinal row = 0; row < kRows; ++row) ASSERT_EQ(mask.contains(row), std::ranges::binary_search(expected, row));
  }
}

TEST_F(RowMaskTest, CountsTheLiveRowsOfARangeWithoutAFilter) {
  for (Ordinal row : {3u, 70u, 299u}) tables_.bury(row);
  EXPECT_EQ(RowMask(tables_, nullptr, kRows).count(), kRows - 3);
  EXPECT_EQ(RowMask(tables_, nullptr, kRows).tail(70).count(), kRows - 70 - 2);
  EXPECT_EQ(RowMask(tables_, nullptr, kRows).tail(kRows + 5).count(), 0u);
}

}  // namespace
}  // namespace orthant
