#pragma once
// ParquetColumnReader: one column of a Parquet file, row by row from the first on, a page in memory at a time. Pages, dictionaries
// and what is unpacked from them are bounded, whatever a file says. Borrows the file and the format; one thread at a time.

#include <cstdint>
#include <string>
#include <vector>

#include "api/exchange/input_file.h"
#include "api/exchange/parquet_encodings.h"
#include "api/exchange/parquet_format.h"
#include "base/result.h"

namespace orthant {

// Values of neighbouring rows.
struct ColumnRows {
  enum class State : std::uint8_t { kNull, kPresent };
  std::vector<State> rows;
  std::vector<std::uint32_t> lengths;        // of lists: elements a row, nulls among them
  std::vector<std::uint32_t> inner_lengths;  // of lists of lists: elements of each inner list, 0 where it is null
  std::vector<std::uint8_t> is_value;        // of lists: whether each (innermost) element is a value, else null
  // One of these, by the column's type; values that are not null, one after the other.
  std::vector<std::int64_t> integers;
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<std::string> texts;
};

class ParquetColumnReader {
 public:
  ParquetColumnReader(const InputFile& file, const ParquetFormat& format, const ParquetColumn& column)
      : file_(file), format_(format), column_(column) {}

  // The next `rows` rows: so many there must be. data_corruption, or invalid_argument for what is not supported.
  Result<ColumnRows> read(std::uint64_t rows);
  Status skip(std::uint64_t rows);

 private:
  Status next_page();
  Status open_chunk();
  Status read_page(const ParquetPageHeader& header, std::string bytes);
  Status read_levels(const ParquetPageHeader& header, std::string_view& bytes);
  Status read_values(const ParquetPageHeader& header, std::string_view bytes);
  Result<std::string> unpack(std::string bytes, std::uint64_t unpacked_bytes) const;
  Status close_chunk() const;
  bool at_row_start() const;
  void take_entries(std::size_t count, ColumnRows& out);
  void take_element(std::uint32_t definition, std::uint32_t repetition, ColumnRows& out) const;
  std::size_t entries_of_rows(std::uint64_t& rows_left, bool& row_open) const;
  std::unexpected<Error> damaged(std::string_view what) const;

  const InputFile& file_;
  const ParquetFormat& format_;
  const ParquetColumn& column_;

  // The chunk.
  std::size_t group_ = 0;  // the next to open
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t chunk_values_left_ = 0;
  std::uint64_t chunk_rows_ = 0;       // as the row group says
  std::uint64_t chunk_rows_seen_ = 0;  // begun so far
  std::int32_t codec_ = 0;
  std::string dictionary_bytes_;
  std::optional<PageValues> dictionary_;
  bool chunk_open_ = false;

  // The page.
  std::string page_bytes_;
  std::vector<std::uint32_t> definitions_;  // empty: all values are there
  std::vector<std::uint32_t> repetitions_;  // empty: every entry begins a row
  PageValues values_;
  std::size_t entries_ = 0;
  std::size_t next_entry_ = 0;
  std::size_t next_value_ = 0;
};

}  // namespace orthant
