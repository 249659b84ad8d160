#include "index/row_column.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include <sys/mman.h>

#include "base/aligned_array.h"

namespace orthant {
namespace {

// Not zeroed, unlike AlignedArray: untouched pages cost no memory.
std::uint8_t* allocate_chunk(std::size_t wanted) {
  const std::size_t alignment = wanted >= kHugePageBytes ? kHugePageBytes : kCacheLineBytes;
  const std::size_t rounded = (wanted + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  if (alignment == kHugePageBytes) madvise(memory, rounded, MADV_HUGEPAGE);
  return static_cast<std::uint8_t*>(memory);
}

// Chunks below this stay in memory.
constexpr std::size_t kSmallestFileChunk = std::size_t{64} << 10;

std::size_t first_row_in_file(std::size_t row_bytes) {
  std::size_t chunk = 0;
  while (chunk_rows(chunk) * row_bytes < kSmallestFileChunk && chunk < kGrowingChunks) ++chunk;
  return chunk_first_row(chunk);
}

}  // namespace

RowColumn::RowColumn(std::size_t row_bytes) : row_bytes_(row_bytes) {}

RowColumn::RowColumn(std::size_t row_bytes, const std::filesystem::path& directory)
    : row_bytes_(row_bytes),
      first_file_row_(directory.empty() ? std::numeric_limits<std::size_t>::max() : first_row_in_file(row_bytes)),
      file_(directory.empty() ? nullptr : std::make_unique<ColumnFile>(directory)) {}

void RowColumn::Release::operator()(std::uint8_t* memory) const {
  if (mapped_bytes == 0) return std::free(memory);
  unmap_chunk(memory, mapped_bytes);
}

Status RowColumn::reserve(std::size_t row_count) {
  while (chunks_.size() < chunk_count(row_count)) add_chunk(ORTHANT_TRY(make_chunk(chunk_rows(chunks_.size()))));
  return {};
}

Result<RowColumn::Chunk> RowColumn::make_chunk(std::size_t rows) {
  const std::size_t bytes = rows * row_bytes_;
  if (chunk_first_row(chunks_.size()) < first_file_row_) return Chunk(allocate_chunk(bytes), Release{});
  return Chunk(ORTHANT_TRY(file_->map(bytes)), Release{bytes});
}

void RowColumn::add_chunk(Chunk chunk) {
  chunks_.push_back(std::move(chunk));
  if (chunks_.size() > directory_size_) {
    directory_size_ = std::max<std::size_t>(kGrowingChunks, directory_size_ * 2);
    auto larger = std::make_unique<std::uint8_t*[]>(directory_size_);
    for (std::size_t i = 0; i + 1 < chunks_.size(); ++i) larger[i] = chunks_[i].get();
    directories_.push_back(std::move(larger));
  }
  // No reader looks at this entry before a row of the chunk is published.
  directories_.back()[chunks_.size() - 1] = chunks_.back().get();
  directory_.store(directories_.back().get(), std::memory_order_release);
}

}  // namespace orthant
