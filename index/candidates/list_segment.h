#pragma once
// ListSegment: the inverted lists of a range of rows, packed one after another without gaps: 1-bit residual codes in blocks of 64
// (kernels/distance_kernels.h), of which a list may begin and end anywhere, and for each entry its row's ordinal, a scale in 8 bits
// and an offset in 16, both relative to the range of their list. 55 bytes an entry at 384 dimensions; lists that could grow in
// place would need a third more for their half empty blocks. Segments are immutable: new rows make a new segment, and small
// neighbours are merged (inverted_lists.h). Any thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/candidates/list_assignment.h"
#include "index/candidates/list_centroids.h"
#include "index/code_tables.h"
#include "index/row_column.h"

namespace orthant {

// Where a list stands in its segment, and what its factors' small integers mean: low + step * integer.
struct ListExtent {
  std::uint64_t begin = 0;  // entry
  std::uint32_t entries = 0;
  float scale_low = 0;
  float scale_step = 0;
  float offset_low = 0;
  float offset_step = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(ListExtent) == 32);

class ListSegment {
 public:
  // Rows [first, end), entries of `list_count` lists; memory for the columns, which the caller fills.
  ListSegment(std::size_t code_bytes, std::size_t list_count, Ordinal first, Ordinal end, std::size_t entry_count,
              std::size_t row_count);

  Ordinal first() const { return first_; }
  Ordinal end() const { return end_; }
  std::size_t entry_count() const { return entry_count_; }
  std::size_t list_count() const { return list_count_; }
  // Rows that are in lists: those of the range but those buried when it was made.
  std::size_t row_count() const { return row_count_; }
  std::size_t code_bytes() const { return code_bytes_; }

  const ListExtent& extent(std::size_t list) const { return *extents_.row_as<const ListExtent>(list); }
  Ordinal ordinal(std::size_t entry) const { return *ordinals_.row_as<const Ordinal>(entry); }
  float scale(const ListExtent& extent, std::size_t entry) const {
    return extent.scale_low + extent.scale_step * static_cast<float>(*scales_.row(entry));
  }
  float offset(const ListExtent& extent, std::size_t entry) const {
    return extent.offset_low + extent.offset_step * static_cast<float>(*offsets_.row_as<const std::uint16_t>(entry));
  }
  // The block that begins with entry 64 * block.
  const std::uint8_t* block(std::size_t block) const { return codes_.row(block * kBlockRows); }
  void read_code(std::size_t entry, std::uint8_t* code) const;
  // Asks for the lines of the first factors and ordinals of a list.
  void prefetch_factors(const ListExtent& extent) const {
    constexpr std::size_t kEntries = 128;
    constexpr int kSecondLevel = 2;  // of the caches: the first has no room for so many lines on their way
    const std::size_t end = extent.begin + std::min<std::size_t>(extent.entries, kEntries);
    for (std::size_t entry = extent.begin; entry < end; entry += 64) __builtin_prefetch(scales_.row(entry), 0, kSecondLevel);
    for (std::size_t entry = extent.begin; entry < end; entry += 32) __builtin_prefetch(offsets_.row(entry), 0, kSecondLevel);
    for (std::size_t entry = extent.begin; entry < end; entry += 16) __builtin_prefetch(ordinals_.row(entry), 0, kSecondLevel);
  }

  std::size_t memory_bytes() const;

  // For those who fill it.
  enum Column : std::uint32_t { kExtents = 0, kCodes = 1, kScales = 2, kOffsets = 3, kOrdinals = 4, kColumnCount = 5 };
  RowColumn& column(Column column);
  std::size_t column_rows(Column column) const;
  ListExtent& extent(std::size_t list) { return *extents_.row_as<ListExtent>(list); }
  void write_code(std::size_t entry, const std::uint8_t* code);
  // Puts the factors of a list's entries into their small integers, and the range into the list's extent.
  void write_factors(std::size_t list, std::span<const float> scales, std::span<const float> offsets);
  // data_corruption when extents or ordinals are out of range: what a loader has read must not lead searches astray.
  Status check() const;

 private:
  const std::size_t code_bytes_;
  const std::size_t list_count_;
  const Ordinal first_;
  const Ordinal end_;
  const std::size_t entry_count_;
  const std::size_t row_count_;
  RowColumn extents_;
  RowColumn codes_;
  RowColumn scales_;
  RowColumn offsets_;
  RowColumn ordinals_;
};

}  // namespace orthant
