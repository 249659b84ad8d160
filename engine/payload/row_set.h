#pragma once
// RowSet: a compressed set of ordinals that grows and shrinks: the postings of field indexes. Up to two ordinals stand inside the
// object, some dozens in a sorted array, more in a CRoaring bitmap, so that a value of one row costs 16 bytes and a value of half
// the rows one bit a row. Owns its memory. Readers on any number of threads while nobody writes.
//
// Answers leave as plain Bitmaps, made word by word from CRoaring's containers (64 rows a step where a container is dense).

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/bitmap.h"

struct roaring_bitmap_s;

namespace orthant {

class RowSet {
 public:
  RowSet() = default;
  ~RowSet();
  RowSet(RowSet&& other) noexcept { swap(other); }
  RowSet& operator=(RowSet&& other) noexcept {
    swap(other);
    return *this;
  }

  // Cheapest in ascending order. Adding twice, or removing what is not there, changes nothing.
  void add(std::uint32_t ordinal);
  void remove(std::uint32_t ordinal);

  std::uint64_t count() const;
  bool contains(std::uint32_t ordinal) const;
  // Sets, or clears, the bits of the rows below `rows.size()`.
  void add_to(Bitmap& rows) const;
  void remove_from(Bitmap& rows) const;
  // How many of `rows` are in the set.
  std::uint64_t count_in(const Bitmap& rows) const;
  // Heap bytes.
  std::size_t memory_bytes() const;

 private:
  enum class Kind : std::uint8_t { kInline, kArray, kRoaring };
  static constexpr std::uint32_t kInlineRows = 2;

  void swap(RowSet& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(count_, other.count_);
    std::swap(capacity_log2_, other.capacity_log2_);
    std::swap(data_, other.data_);
  }
  std::uint32_t* ordinals() { return kind_ == Kind::kInline ? data_.few : data_.many; }
  const std::uint32_t* ordinals() const { return kind_ == Kind::kInline ? data_.few : data_.many; }
  std::uint32_t capacity() const { return kind_ == Kind::kInline ? kInlineRows : std::uint32_t{1} << capacity_log2_; }
  void grow();
  void become_roaring();
  // set(word index, mask) for every word that holds one of the ordinals below `size`.
  template <typename Visit>
  void for_each_word(std::size_t size, Visit&& visit) const;

  union Data {
    std::uint32_t few[kInlineRows] = {0, 0};
    std::uint32_t* many;
    roaring_bitmap_s* roaring;
  };
  Data data_;
  std::uint32_t count_ = 0;  // of kInline and kArray
  Kind kind_ = Kind::kInline;
  std::uint8_t capacity_log2_ = 0;  // of kArray
};
static_assert(sizeof(RowSet) == 16);

}  // namespace orthant
