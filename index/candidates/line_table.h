#pragma once
// LineTable: rows of whole cache lines in chunks that never move, as RowColumn, but with chunks of one size: a walk through a graph
// asks for thousands of rows, and the choice between chunk sizes would cost it more than the look-up itself. The directory has room
// for all ordinals; pages of it, and of chunks, that are not used take no memory. One writer reserves and fills; readers read rows
// that were published to them.

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
    if (chunk_count_ > 0) std::free(chunks_[0]);
    for (std::size_t chunk = 1; chunk < chunk_count_; ++chunk) unmap_huge_pages(chunks_[chunk], kChunkRows * line_bytes_);
    std::free(chunks_);
  }
  LineTable(const LineTable&) = delete;
  LineTable& operator=(const LineTable&) = delete;

  std::size_t line_bytes() const { return line_bytes_; }
  std::uint8_t* line(std::size_t row) const { return chunks_[row / kChunkRows] + row % kChunkRows * line_bytes_; }

  void reserve(std::size_t row_count) {
    for (; chunk_count_ * kChunkRows < row_count; ++chunk_count_) {
      const std::size_t bytes = kChunkRows * line_bytes_;
      // A table smaller than a chunk is left to small pages.
      void* memory = chunk_count_ == 0 ? std::aligned_alloc(kCacheLineBytes, bytes) : map_huge_pages(bytes);
      if (memory == nullptr) throw std::bad_alloc();
      chunks_[chunk_count_] = static_cast<std::uint8_t*>(memory);
    }
  }

 private:
  static constexpr std::size_t kChunkRows = std::size_t{1} << 15;
  static constexpr std::size_t kChunks = (std::size_t{1} << 32) / kChunkRows;

  std::size_t line_bytes_;
  std::uint8_t** chunks_;
  std::size_t chunk_count_ = 0;
};

}  // namespace orthant
