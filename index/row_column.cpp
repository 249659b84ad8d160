#include "index/row_column.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "base/aligned_array.h"
#include "base/huge_pages.h"

namespace orthant {
namespace {

// Untouched pages cost no memory, so chunks are not zeroed here, unlike AlignedArray's.
std::uint8_t* allocate_chunk(std::size_t wanted) {
  const std::size_t rounded = (wanted + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
  void* memory = std::aligned_alloc(kCacheLineBytes, rounded);
  if (memory == nullptr) throw std::bad_alloc();
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
  switch (origin) {
    case Origin::kHeap: return std::free(memory);
    case Origin::kHugePages: return unmap_huge_pages(memory, bytes);
    case Origin::kFile: return unmap_chunk(memory, bytes);
  }
}

Status RowColumn::reserve(std::size_t row_count) {
  while (chunks_.size() < chunk_count(row_count)) add_chunk(ORTHANT_TRY(make_chunk(chunk_rows(chunks_.size()))));
  back_chunks(row_count);
  return {};
}

void RowColumn::back_chunks(std::size_t row_count) {
  for (; backed_rows_ < row_count;) {
    const std::size_t chunk = chunk_of(backed_rows_);
    const std::size_t first = chunk_first_row(chunk);
    const std::size_t end = std::min(row_count, chunk_first_row(chunk + 1));
    if (chunks_[chunk].get_deleter().origin == Origin::kHugePages) {
      back_by_huge_pages(chunks_[chunk].get(), (backed_rows_ - first) * row_bytes_, (end - first) * row_bytes_);
    }
    backed_rows_ = end;
  }
}

Result<RowColumn::Chunk> RowColumn::make_chunk(std::size_t rows) {
  const std::size_t bytes = rows * row_bytes_;
  if (chunk_first_row(chunks_.size()) >= first_file_row_) {
    return Chunk(ORTHANT_TRY(file_->map(bytes)), Release{Origin::kFile, bytes});
  }
  if (bytes < kHugePageBytes) return Chunk(allocate_chunk(bytes), Release{});
  return Chunk(static_cast<std::uint8_t*>(map_growing_pages(bytes)), Release{Origin::kHugePages, bytes});
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
