// Columns in files: what they hold, what a full disk does to them, and reading rows that are not in the page cache.

#include "index/row_column.h"

#include <cstring>

#include <gtest/gtest.h>

#include "index/code_tables.h"
#include "index/cold_rows.h"
#include "index/row_encoder.h"
#include "tests/support/file_limit.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

void fill(const RowColumn& column, std::size_t first, std::size_t end) {
  for (std::size_t row = first; row < end; ++row) std::memset(column.row(row), static_cast<int>(row % 251), column.row_bytes());
}

bool holds(const RowColumn& column, std::size_t end) {
  for (std::size_t row = 0; row < end; ++row) {
    if (*column.row(row) != row % 251 || column.row(row)[column.row_bytes() - 1] != row % 251) return false;
  }
  return true;
}

TEST(RowColumn, InAFileHoldsWhatOneInMemoryHolds) {
  const test::TemporaryDirectory directory;
  for (const std::size_t row_bytes : {1, 48, 384, 1'000}) {
    RowColumn column(row_bytes, directory.path());
    ASSERT_TRUE(column.reserve(100));
    fill(column, 0, 100);
    const std::uint8_t* const first = column.row(0);
    ASSERT_TRUE(column.reserve(200'000));
    fill(column, 100, 200'000);
    EXPECT_TRUE(holds(column, 200'000)) << row_bytes;
    EXPECT_EQ(column.row(0), first);
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(RowColumn, TellsMemoryFromDisk) {
  const test::TemporaryDirectory directory;
  const RowColumn in_file(384, directory.path());
  const RowColumn in_memory(384);
  EXPECT_EQ(in_memory.memory_bytes(100'000), 384u * 100'000);
  EXPECT_EQ(in_memory.disk_bytes(100'000), 0u);
  EXPECT_LT(in_file.memory_bytes(100'000), 200u << 10);
  EXPECT_EQ(in_file.memory_bytes(100'000) + in_file.disk_bytes(100'000), 384u * 100'000);
  EXPECT_EQ(in_file.disk_bytes(10), 0u);
}

TEST(RowColumn, IsRefusedWhereItsDirectoryIsMissing) {
  RowColumn column(384, "/nonexistent/directory");
  EXPECT_TRUE(column.reserve(10));
  const Status reserved = column.reserve(100'000);
  ASSERT_FALSE(reserved);
  EXPECT_EQ(reserved.error().code, ErrorCode::kIoError);
  EXPECT_NE(reserved.error().message.find("/nonexistent/directory"), std::string::npos);
}

TEST(CodeTables, OnAFullDiskRefuseRowsAndLoseNothing) {
  const test::TemporaryDirectory directory;
  std::mt19937_64 random(test::random_seed());
  constexpr std::size_t kDim = 256;
  const IndexConfig config = {.dim = kDim, .metric = Metric::kEuclid, .binary_codes = BinaryCodes::kSign};
  const auto quantizer = make_binary_quantizer(config);
  CodeTables tables(config, quantizer->code_bytes(), quantizer->has_row_scales(), false, directory.path());
  std::vector<float> vectors(kDim * 500);
  std::normal_distribution<float> normal;
  for (float& value : vectors) value = normal(random);
  const EncodedRows rows = encode_float_rows(config, *quantizer, false, vectors, {});
  Ordinal accepted = 0;
  {
    const test::FileLimit limit(rlim_t{1} << 20);
    Status appended;
    for (; appended && accepted < 100'000; accepted += appended ? 500 : 0) appended = tables.append(rows);
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().code, ErrorCode::kIoError);
    EXPECT_NE(appended.error().message.find("bytes on disk"), std::string::npos) << appended.error().message;
    EXPECT_GE(accepted, 2'000u);
    EXPECT_EQ(tables.row_count(), accepted);
  }
  // There is room again.
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(tables.append(rows));
  ASSERT_EQ(tables.row_count(), accepted + 5'000);
  const RowColumn& squared_norms = *tables.squared_norms();
  for (Ordinal row = 0; row < tables.row_count(); ++row) {
    const std::size_t source = row % 500;
    ASSERT_EQ(std::memcmp(tables.int8_codes()->row(row), rows.int8_codes.data() + source * kDim, kDim), 0) << row;
    ASSERT_EQ(*squared_norms.row_as<float>(row), rows.squared_norms[source]) << row;
    ASSERT_EQ(tables.bits()->row(row / 64 * 64)[row % 64], rows.bits[source * quantizer->code_bytes()]) << row;
  }
}

TEST(ColdRows, AreReadAheadAndHoldTheSame) {
  const test::TemporaryDirectory directory;
  RowColumn column(384, directory.path());
  ASSERT_TRUE(column.reserve(50'000));
  fill(column, 0, 50'000);
  std::vector<Ordinal> rows(1'000);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<Ordinal>(i * 49);
  EXPECT_FALSE(column.take_read_ahead());
  column.expect_cold_reads(2);
  for (int i = 0; i < 3; ++i) {
    const ColdRows reading(column, rows);
    for (Ordinal row : rows) ASSERT_EQ(*column.row(row), row % 251);
  }
  if (!read_ahead(column, rows)) GTEST_SKIP() << "this kernel takes no requests to read ahead";
  EXPECT_TRUE(holds(column, 50'000));
}

}  // namespace
}  // namespace orthant
