#include "index/row_column.h"

#include <algorithm>
#include <new>

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

}  // namespace

RowColumn::RowColumn(std::size_t row_bytes) : row_bytes_(row_bytes) {}

void RowColumn::reserve(std::size_t row_count) {
  while (chunks_.size() < chunk_count(row_count)) add_chunk(chunk_rows(chunks_.size()));
}

void RowColumn::add_chunk(std::size_t rows) {
  chunks_.emplace_back(allocate_chunk(rows * row_bytes_));
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
