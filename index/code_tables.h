#pragma once
// CodeTables: all rows of an index: codes, their factors, resident floats and the bits of buried rows, as columns over one row
// numbering. One writer appends and buries; readers take no lock: they load row_count() first and read rows below it only.
//
// Bits are stored in blocks (kernels/distance_kernels.h), except those users bring (VectorForm::kUbinary), which stay row-major.
// The last block may be half full: its bytes change while readers look at it, so they copy it with copy_open_block().

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/result.h"
#include "index/dimension_ranges.h"
#include "index/encoded_rows.h"
#include "index/index_config.h"
#include "index/resident_floats.h"
#include "index/row_column.h"

namespace orthant {

class CodeTables {
 public:
  // `row_scales`: the binary quantizer gives each row a scale. `keep_floats`: floats stay in memory until drop_floats().
  // `directory`: where codes and their factors live in files (CodeResidency::kDisk); empty: in memory. Bits of buried rows and
  // resident floats are in memory always, and the 1-bit codes too where IndexStructure::kFlat scans them. `int8_ranges`: of the
  // int8 codes; null: each has a scale of its own.
  CodeTables(const IndexConfig& config, std::size_t code_bytes, bool row_scales, bool keep_floats,
             const std::filesystem::path& directory = {}, std::shared_ptr<const DimensionRanges> int8_ranges = nullptr);

  // Writer only. The rows are visible to readers when this returns. Rows that are not present are buried from the start. io_error
  // when a file cannot grow: then nothing has changed, and the same rows may be appended later.
  Status append(const EncodedRows& rows);
  void bury(Ordinal ordinal);
  void drop_floats() { floats_.drop(); }
  RowColumn* writable_floats() { return floats_.writable(); }  // null when they are not kept
  // For a loader that fills the columns itself: makes memory for rows [0, row_count), then publishes them and counts the buried.
  // io_error as append().
  Status reserve(std::size_t row_count);
  void publish(std::size_t row_count);

  // Any thread.
  Ordinal row_count() const { return row_count_.load(std::memory_order_acquire); }
  std::size_t buried_count() const { return buried_count_.load(std::memory_order_relaxed); }
  bool is_buried(Ordinal ordinal) const { return (buried_word(ordinal / kBlockRows) >> (ordinal % kBlockRows) & 1) != 0; }
  // Bit r: row 64 * block + r is buried. `block` holds a published row.
  std::uint64_t buried_word(std::size_t block) const;
  // The bytes of the block that row `first_row` begins, of which not all rows are published, as they are at this moment.
  void copy_open_block(std::size_t first_row, std::uint8_t* codes) const;

  std::size_t code_bytes() const { return code_bytes_; }
  // Null where the configuration has no such column. `bits` is blocked: the block of row 64 * b begins at row(64 * b).
  const RowColumn* bits() const { return bits_ ? &*bits_ : nullptr; }
  const RowColumn* row_major_bits() const { return row_major_bits_ ? &*row_major_bits_ : nullptr; }
  const RowColumn* bit_scales() const { return bit_scales_ ? &*bit_scales_ : nullptr; }
  const RowColumn* int8_codes() const { return int8_codes_ ? &*int8_codes_ : nullptr; }
  const RowColumn* int8_scales() const { return int8_scales_ ? &*int8_scales_ : nullptr; }
  const DimensionRanges* int8_ranges() const { return int8_ranges_.get(); }  // then there are no int8_scales()
  const std::shared_ptr<const DimensionRanges>& shared_int8_ranges() const { return int8_ranges_; }
  const RowColumn* squared_norms() const { return squared_norms_ ? &*squared_norms_ : nullptr; }
  const RowColumn& buried_words() const { return buried_; }
  const ResidentFloats& floats() const { return floats_; }

 private:
  void write_rows(const EncodedRows& rows, std::size_t first_row);
  void write_bits(const std::uint8_t* code, std::size_t row);
  void open_blocks(std::size_t first_row, std::size_t row_count);

  const std::size_t code_bytes_;
  const std::shared_ptr<const DimensionRanges> int8_ranges_;
  std::optional<RowColumn> bits_;
  std::optional<RowColumn> row_major_bits_;
  std::optional<RowColumn> bit_scales_;
  std::optional<RowColumn> int8_codes_;
  std::optional<RowColumn> int8_scales_;
  std::optional<RowColumn> squared_norms_;
  RowColumn buried_;  // 8 bytes a row of this column, which stands for a block of 64
  ResidentFloats floats_;
  std::atomic<std::size_t> buried_count_{0};
  // Stored with release after the rows below it are written; readers load it with acquire.
  std::atomic<Ordinal> row_count_{0};
};

}  // namespace orthant
