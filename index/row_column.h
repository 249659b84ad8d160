#pragma once
// RowColumn: rows of a fixed number of bytes, append-only, in chunks that never move. One writer reserves and fills rows; any
// number of readers may read the rows that were published to them (the owner publishes its row count with release after the rows
// are written, readers load it with acquire first). The memory of a new chunk is not touched before it is written, so small tables
// cost little.
//
// Chunks double from 64 rows up to 131,072, then stay: chunk 0 holds rows [0, 64), chunk i rows [64 << (i - 1), 64 << i) up to
// i = 11, chunk 12 + j rows [131072 * (j + 1), 131072 * (j + 2)). Chunk borders are block borders.

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <vector>

#include "base/result.h"
#include "index/column_file.h"
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
  // The rows live in a file in `directory` (column_file.h), but for the first few, so that small columns need no file. An empty
  // path: in memory.
  RowColumn(std::size_t row_bytes, const std::filesystem::path& directory);
  RowColumn(const RowColumn&) = delete;
  RowColumn& operator=(const RowColumn&) = delete;

  std::size_t row_bytes() const { return row_bytes_; }

  // Writer only: makes memory for rows [0, row_count). Starts on a cache line. io_error when a file cannot grow, only with a
  // directory; rows that had memory before keep it.
  Status reserve(std::size_t row_count);

  // Any thread. Of rows [0, row_count), the bytes in memory and the bytes in the file.
  std::size_t memory_bytes(std::size_t row_count) const { return std::min(row_count, first_file_row_) * row_bytes_; }
  std::size_t disk_bytes(std::size_t row_count) const { return row_count * row_bytes_ - memory_bytes(row_count); }
  // Rows from here on live in the file; the largest number without one.
  std::size_t first_file_row() const { return first_file_row_; }

  // Any thread, for cold_rows.h: how many of the reads to come should ask ahead. Takes one of them.
  void expect_cold_reads(unsigned count) const { reads_ahead_.store(count, std::memory_order_relaxed); }
  bool take_read_ahead() const {
    const unsigned left = reads_ahead_.load(std::memory_order_relaxed);
    if (left == 0) return false;
    reads_ahead_.store(left - 1, std::memory_order_relaxed);  // a lost count of one does no harm
    return true;
  }

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
  enum class Origin : std::uint8_t { kHeap, kHugePages, kFile };
  struct Release {
    Origin origin = Origin::kHeap;
    std::size_t bytes = 0;
    void operator()(std::uint8_t* memory) const;
  };
  using Chunk = std::unique_ptr<std::uint8_t, Release>;

  Result<Chunk> make_chunk(std::size_t rows);
  void add_chunk(Chunk chunk);
  void back_chunks(std::size_t row_count);

  const std::size_t row_bytes_;
  const std::size_t first_file_row_ = std::numeric_limits<std::size_t>::max();
  // Pointers to chunks. A full directory is replaced by a larger copy; the old one stays until the end, since readers may hold it.
  // Published with release after the copy, so that readers who see rows see the directory that holds them.
  std::atomic<std::uint8_t**> directory_{nullptr};
  mutable std::atomic<unsigned> reads_ahead_{0};
  // The rest is the writer's.
  std::size_t directory_size_ = 0;
  std::vector<std::unique_ptr<std::uint8_t*[]>> directories_;
  std::unique_ptr<ColumnFile> file_;
  std::vector<Chunk> chunks_;
  std::size_t backed_rows_ = 0;  // whose memory is on huge pages where it fills some
};

}  // namespace orthant
