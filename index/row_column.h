#pragma once
// RowColumn: rows of a fixed number of bytes, append-only, in chunks that never move. One writer reserves and fills rows; any
// number of readers may read the rows that were published to them (the owner publishes its row count with release after the rows
// are written, readers load it with acquire first). The memory of a new chunk is not touched before it is written, so small tables
// cost little.
//
// Chunks double from 64 rows up to 131,072, then stay: chunk 0 holds rows [0, 64), chunk i rows [64 << (i - 1), 64 << i) up to
// i = 11, chunk 12 + j rows [131072 * (j + 1), 131072 * (j + 2)). Chunk borders are block borders.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "index/index_config.h"
#include "index/kernels/distance_kernels.h"

namespace orthant {

inline constexpr std::size_t kFullChunkRows = std::size_t{1} << 17;
inline constexpr std::size_t kGrowingChunks = 12;  // 64 + 64 + 128 + ... + 65,536 = 131,072 rows

constexpr std::size_t chunk_of(std::size_t row) {
  if (row >= kFullChunkRows) return kGrowingChunks - 1 + row / kFullChunkRows;
  return static_cast<std::size_t>(std::bit_width(row / kBlockRows));
}
constexpr std::size_t chunk_first_row(std::size_t chunk) {
  if (chunk == 0) return 0;
  return chunk < kGrowingChunks ? kBlockRows << (chunk - 1) : (chunk - kGrowingChunks + 1) * kFullChunkRows;
}
constexpr std::size_t chunk_rows(std::size_t chunk) {
  return chunk_first_row(chunk + 1) - chunk_first_row(chunk);
}
// Chunks that hold rows [0, row_count).
constexpr std::size_t chunk_count(std::size_t row_count) {
  return row_count == 0 ? 0 : chunk_of(row_count - 1) + 1;
}

class RowColumn {
 public:
  explicit RowColumn(std::size_t row_bytes);
  RowColumn(const RowColumn&) = delete;
  RowColumn& operator=(const RowColumn&) = delete;

  std::size_t row_bytes() const { return row_bytes_; }

  // Writer only: makes memory for rows [0, row_count). Starts on a cache line.
  void reserve(std::size_t row_count);

  // The first byte of a chunk, or of a row. `row` lies below what was reserved (writer) or published (readers).
  std::uint8_t* chunk(std::size_t chunk) const { return directory_.load(std::memory_order_acquire)[chunk]; }
  std::uint8_t* row(std::size_t row) const {
    const std::size_t home = chunk_of(row);
    return chunk(home) + (row - chunk_first_row(home)) * row_bytes_;
  }
  template <typename T>
  T* row_as(std::size_t position) const {
    return reinterpret_cast<T*>(row(position));
  }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
  };

  void add_chunk(std::size_t rows);

  const std::size_t row_bytes_;
  // Pointers to chunks. A full directory is replaced by a larger copy; the old one stays until the end, since readers may hold it.
  // Published with release after the copy, so that readers who see rows see the directory that holds them.
  std::atomic<std::uint8_t**> directory_{nullptr};
  // The rest is the writer's.
  std::size_t directory_size_ = 0;
  std::vector<std::unique_ptr<std::uint8_t*[]>> directories_;
  std::vector<std::unique_ptr<std::uint8_t, Free>> chunks_;
};

}  // namespace orthant
