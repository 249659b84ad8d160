#include "index/code_tables.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace orthant {
namespace {

// Copies `count` rows of `source` into the column, chunk by chunk.
template <typename T>
void write_column(std::optional<RowColumn>& column, const std::vector<T>& source, std::size_t first_row, std::size_t count) {
  if (!column) return;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(source.data());
  for (std::size_t done = 0; done < count;) {
    const std::size_t row = first_row + done;
    const std::size_t rows = std::min(count - done, chunk_first_row(chunk_of(row) + 1) - row);
    std::memcpy(column->row(row), bytes + done * column->row_bytes(), rows * column->row_bytes());
    done += rows;
  }
}

std::size_t block_count(std::size_t row_count) {
  return (row_count + kBlockRows - 1) / kBlockRows;
}

}  // namespace

CodeTables::CodeTables(const IndexConfig& config, std::size_t code_bytes, bool row_scales, bool keep_floats,
                       const std::filesystem::path& directory, std::shared_ptr<const DimensionRanges> int8_ranges)
    : code_bytes_(code_bytes),
      int8_ranges_(std::move(int8_ranges)),
      buried_(sizeof(std::uint64_t)),
      floats_(config.dim, keep_floats) {
  if (config.form == VectorForm::kUbinary) {
    row_major_bits_.emplace(code_bytes, directory);
    return;
  }
  if (config.form == VectorForm::kFloat32) {
    const std::filesystem::path scanned = config.structure == IndexStructure::kFlat ? std::filesystem::path() : directory;
    bits_.emplace(code_bytes, scanned);
    if (row_scales) bit_scales_.emplace(sizeof(float), scanned);
  }
  int8_codes_.emplace(config.dim, directory);
  if (!int8_ranges_) int8_scales_.emplace(sizeof(float), directory);
  if (config.metric == Metric::kEuclid) squared_norms_.emplace(sizeof(float), directory);
}

Status CodeTables::reserve(std::size_t row_count) {
  for (auto* column : {&bits_, &row_major_bits_, &bit_scales_, &int8_codes_, &int8_scales_, &squared_norms_}) {
    if (*column) ORTHANT_TRY((*column)->reserve(row_count));
  }
  ORTHANT_TRY(buried_.reserve(block_count(row_count)));
  if (RowColumn* floats = floats_.writable()) ORTHANT_TRY(floats->reserve(row_count));
  return {};
}

Status CodeTables::append(const EncodedRows& rows) {
  floats_.free_unused();
  const std::size_t first_row = row_count_.load(std::memory_order_relaxed);
  const std::size_t end = first_row + rows.row_count;
  ORTHANT_TRY(reserve(end));
  open_blocks(first_row, end);
  write_rows(rows, first_row);
  for (std::size_t i = 0; i < rows.row_count; ++i) {
    if (!rows.is_present(i)) bury(static_cast<Ordinal>(first_row + i));
  }
  row_count_.store(static_cast<Ordinal>(end), std::memory_order_release);
  return {};
}

void CodeTables::write_rows(const EncodedRows& rows, std::size_t first_row) {
  if (bits_) {
    for (std::size_t i = 0; i < rows.row_count; ++i) write_bits(rows.bits.data() + i * code_bytes_, first_row + i);
  }
  write_column(row_major_bits_, rows.bits, first_row, rows.row_count);
  write_column(bit_scales_, rows.bit_scales, first_row, rows.row_count);
  write_column(int8_codes_, rows.int8_codes, first_row, rows.row_count);
  write_column(int8_scales_, rows.int8_scales, first_row, rows.row_count);
  write_column(squared_norms_, rows.squared_norms, first_row, rows.row_count);
  RowColumn* floats = floats_.writable();
  if (floats == nullptr) return;
  const std::size_t dim = floats->row_bytes() / sizeof(float);
  for (std::size_t i = 0; i < rows.row_count; ++i) {
    std::memcpy(floats->row(first_row + i), rows.floats.data() + i * dim, floats->row_bytes());
  }
}

// Blocks that begin within the new rows: no row of theirs is published, so plain writes are right.
void CodeTables::open_blocks(std::size_t first_row, std::size_t end) {
  for (std::size_t block = block_count(first_row); block < block_count(end); ++block) {
    *buried_.row_as<std::uint64_t>(block) = 0;
    if (bits_) std::memset(bits_->row(block * kBlockRows), 0, kBlockRows * code_bytes_);
  }
}

// Byte by byte and atomically: readers may be copying the block for its rows that are published already.
void CodeTables::write_bits(const std::uint8_t* code, std::size_t row) {
  std::uint8_t* block = bits_->row(row / kBlockRows * kBlockRows);
  const std::size_t lane = row % kBlockRows;
  for (std::size_t byte = 0; byte < code_bytes_; ++byte) {
    std::atomic_ref<std::uint8_t>(block[byte * kBlockRows + lane]).store(code[byte], std::memory_order_relaxed);
  }
}

void CodeTables::copy_open_block(std::size_t first_row, std::uint8_t* codes) const {
  std::uint8_t* block = bits_->row(first_row);
  for (std::size_t i = 0; i < kBlockRows * code_bytes_; i += sizeof(std::uint64_t)) {
    const auto word = std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(block + i)).load(std::memory_order_relaxed);
    std::memcpy(codes + i, &word, sizeof word);
  }
}

void CodeTables::bury(Ordinal ordinal) {
  const std::uint64_t bit = std::uint64_t{1} << (ordinal % kBlockRows);
  std::atomic_ref<std::uint64_t> word(*buried_.row_as<std::uint64_t>(ordinal / kBlockRows));
  if ((word.fetch_or(bit, std::memory_order_relaxed) & bit) == 0) buried_count_.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t CodeTables::buried_word(std::size_t block) const {
  return std::atomic_ref<std::uint64_t>(*buried_.row_as<std::uint64_t>(block)).load(std::memory_order_relaxed);
}

void CodeTables::publish(std::size_t row_count) {
  std::size_t buried = 0;
  for (std::size_t block = 0; block < block_count(row_count); ++block) {
    buried += static_cast<std::size_t>(std::popcount(buried_word(block)));
  }
  buried_count_.store(buried, std::memory_order_relaxed);
  row_count_.store(static_cast<Ordinal>(row_count), std::memory_order_release);
}

}  // namespace orthant
