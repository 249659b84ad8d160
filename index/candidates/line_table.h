#pragma once
// LineTable: rows of whole cache lines in chunks that never move, as RowColumn, but with chunks of one size: a walk through a graph
// asks for thousands of rows, and the choice between chunk sizes would cost it more than the look-up itself. The directory has room
// for all ordinals; pages of it, and of chunks, that are not used take no memory. One writer reserves and fills; readers read rows
// that were published to them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "base/aligned_array.h"
#include "base/huge_pages.h"

namespace orthant {

class LineTable {
 public:
  explicit LineTable(std::size_t line_bytes)
      : line_bytes_(line_bytes), chunks_(static_cast<std::uint8_t**>(std::calloc(kChunks, sizeof(std::uint8_t*)))) {
    if (chunks_ == nullptr) throw std::bad_alloc();
  }
  ~LineTable() {
    for (std::size_t chunk = 0; chunk < chunk_count_; ++chunk) unmap_huge_pages(chunks_[chunk], kChunkRows * line_bytes_);
    std::free(chunks_);
  }
  LineTable(const LineTable&) = delete;
  LineTable& operator=(const LineTable&) = delete;

  std::size_t line_bytes() const { return line_bytes_; }
  std::uint8_t* line(std::size_t row) const { return chunks_[row / kChunkRows] + row % kChunkRows * line_bytes_; }

  void reserve(std::size_t row_count) {
    for (; chunk_count_ * kChunkRows < row_count; ++chunk_count_) {
      const std::size_t bytes = kChunkRows * line_bytes_;
      chunks_[chunk_count_] = static_cast<std::uint8_t*>(map_growing_pages(bytes));
    }
    while (backed_rows_ < row_count) {
      const std::size_t chunk = backed_rows_ / kChunkRows;
      const std::size_t first = chunk * kChunkRows;
      const std::size_t end = std::min(row_count, first + kChunkRows);
      back_by_huge_pages(chunks_[chunk], (backed_rows_ - first) * line_bytes_, (end - first) * line_bytes_);
      backed_rows_ = end;
    }
  }

 private:
  static constexpr std::size_t kChunkRows = std::size_t{1} << 15;
  static constexpr std::size_t kChunks = (std::size_t{1} << 32) / kChunkRows;

  std::size_t line_bytes_;
  std::uint8_t** chunks_;
  std::size_t chunk_count_ = 0;
  std::size_t backed_rows_ = 0;  // whose memory is on huge pages where it fills some
};

}  // namespace orthant
