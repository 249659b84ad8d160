#include "index/candidates/list_segment.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace orthant {
namespace {

std::size_t whole_blocks(std::size_t entries) {
  return (entries + kBlockRows - 1) / kBlockRows * kBlockRows;
}

// The integer of [0, largest] that stands for the value.
template <typename Integer>
Integer small_integer(float value, float low, float step, float largest) {
  if (!(step > 0)) return 0;
  return static_cast<Integer>(std::clamp(std::nearbyint((value - low) / step), 0.0f, largest));
}

struct Range {
  float low = 0;
  float step = 0;
};

// Values of vectors too large for floats are cut, so that ranges stay finite.
Range range_of(std::span<const float> values, float largest) {
  constexpr float kCut = std::numeric_limits<float>::max() / 8;
  if (values.empty()) return {};
  const auto [low, high] = std::ranges::minmax(values);
  const float cut_low = std::clamp(low, -kCut, kCut);
  return {cut_low, (std::clamp(high, -kCut, kCut) - cut_low) / largest};
}

constexpr float kLargestScale = 255;
constexpr float kLargestOffset = 65'535;

}  // namespace

ListSegment::ListSegment(std::size_t code_bytes, std::size_t list_count, Ordinal first, Ordinal end, std::size_t entry_count,
                         std::size_t row_count)
    : code_bytes_(code_bytes),
      list_count_(list_count),
      first_(first),
      end_(end),
      entry_count_(entry_count),
      row_count_(row_count),
      extents_(sizeof(ListExtent)),
      codes_(code_bytes),
      scales_(1),
      offsets_(sizeof(std::uint16_t)),
      ordinals_(sizeof(Ordinal)) {
  for (std::uint32_t number = 0; number < kColumnCount; ++number) {
    const auto which = static_cast<Column>(number);
    column(which).reserve(column_rows(which));
  }
  // Entries past the last take part in no search, but the kernels read them.
  if (const std::size_t rest = entry_count % kBlockRows; rest != 0) {
    std::memset(codes_.row(entry_count - rest), 0, kBlockRows * code_bytes);
  }
}

RowColumn& ListSegment::column(Column column) {
  switch (column) {
    case kExtents: return extents_;
    case kCodes: return codes_;
    case kScales: return scales_;
    case kOffsets: return offsets_;
    default: return ordinals_;
  }
}

std::size_t ListSegment::column_rows(Column column) const {
  if (column == kExtents) return list_count_;
  return column == kCodes ? whole_blocks(entry_count_) : entry_count_;
}

void ListSegment::read_code(std::size_t entry, std::uint8_t* code) const {
  const std::uint8_t* from = block(entry / kBlockRows) + entry % kBlockRows;
  for (std::size_t byte = 0; byte < code_bytes_; ++byte) code[byte] = from[byte * kBlockRows];
}

void ListSegment::write_code(std::size_t entry, const std::uint8_t* code) {
  std::uint8_t* to = codes_.row(entry / kBlockRows * kBlockRows) + entry % kBlockRows;
  for (std::size_t byte = 0; byte < code_bytes_; ++byte) to[byte * kBlockRows] = code[byte];
}

void ListSegment::write_factors(std::size_t list, std::span<const float> scales, std::span<const float> offsets) {
  ListExtent& where = extent(list);
  const Range scale_range = range_of(scales, kLargestScale);
  const Range offset_range = range_of(offsets, kLargestOffset);
  where.scale_low = scale_range.low;
  where.scale_step = scale_range.step;
  where.offset_low = offset_range.low;
  where.offset_step = offset_range.step;
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const std::size_t entry = where.begin + i;
    *scales_.row(entry) = small_integer<std::uint8_t>(scales[i], where.scale_low, where.scale_step, kLargestScale);
    *offsets_.row_as<std::uint16_t>(entry) =
        small_integer<std::uint16_t>(offsets[i], where.offset_low, where.offset_step, kLargestOffset);
  }
}

std::size_t ListSegment::memory_bytes() const {
  const std::size_t per_entry = 1 + sizeof(std::uint16_t) + sizeof(Ordinal);
  return whole_blocks(entry_count_) * code_bytes_ + entry_count_ * per_entry + list_count_ * sizeof(ListExtent);
}

Status ListSegment::check() const {
  std::uint64_t next = 0;
  for (std::size_t list = 0; list < list_count_; ++list) {
    const ListExtent& where = extent(list);
    const bool finite = std::isfinite(where.scale_low) && std::isfinite(where.scale_step) && std::isfinite(where.offset_low) &&
                        std::isfinite(where.offset_step);
    if (where.begin != next || where.entries > entry_count_ - next || !finite || where.scale_low < 0 || where.scale_step < 0) {
      return data_corruption(fmt::format("inverted lists: extent of list {} is damaged", list));
    }
    next += where.entries;
  }
  if (next != entry_count_) return data_corruption(fmt::format("inverted lists: {} entries, expected {}", next, entry_count_));
  for (std::size_t entry = 0; entry < entry_count_; ++entry) {
    if (ordinal(entry) < first_ || ordinal(entry) >= end_) {
      return data_corruption(
          fmt::format("inverted lists: entry {} is of row {}, expected {} to {}", entry, ordinal(entry), first_, end_));
    }
  }
  return {};
}

}  // namespace orthant
