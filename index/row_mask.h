#pragma once
// RowMask: which rows one search, or one part of it, may return: allowed by the caller, not buried, and in the range [first_row,
// row_count) of rows published when the search began. A view; the bitmap and the tables outlive it. Any thread.

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bitmap.h"
#include "index/code_tables.h"

namespace orthant {

class RowMask {
 public:
  // `allowed` may be null: all rows.
  RowMask(const CodeTables& tables, const Bitmap* allowed, std::size_t row_count, std::size_t first_row = 0)
      : tables_(tables), allowed_(allowed), first_row_(first_row), row_count_(row_count) {}

  // The rows of this mask from `first_row` on.
  RowMask tail(std::size_t first_row) const {
    return {tables_, allowed_, row_count_, std::min(std::max(first_row_, first_row), row_count_)};
  }

  std::size_t row_count() const { return row_count_; }
  // Blocks before it hold no row of the range.
  std::size_t first_block() const { return first_row_ / kBlockRows; }
  std::size_t block_count() const { return (row_count_ + kBlockRows - 1) / kBlockRows; }

  // Bit r: row 64 * block + r may be returned.
  std::uint64_t word(std::size_t block) const {
    std::uint64_t rows = ~tables_.buried_word(block);
    if (allowed_ != nullptr) rows &= block < allowed_->words().size() ? allowed_->words()[block] : 0;
    const std::size_t begin = block * kBlockRows;
    if (begin < first_row_) rows &= first_row_ - begin < kBlockRows ? ~std::uint64_t{0} << (first_row_ - begin) : 0;
    const std::size_t end = row_count_ - begin;
    return end < kBlockRows ? rows & ((std::uint64_t{1} << end) - 1) : rows;
  }

  // word() of each block of [first_block, first_block + count), which lie in one chunk of CodeTables::buried_words().
  void words(std::size_t first_block, std::size_t count, std::uint64_t* out) const {
    auto* buried = tables_.buried_words().row_as<std::uint64_t>(first_block);
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = ~std::atomic_ref<std::uint64_t>(buried[i]).load(std::memory_order_relaxed);
    }
    const bool whole =
        allowed_ == nullptr && first_block * kBlockRows >= first_row_ && (first_block + count) * kBlockRows <= row_count_;
    if (whole) return;
    for (std::size_t i = 0; i < count; ++i) out[i] = word(first_block + i);
  }

  bool contains(Ordinal ordinal) const {
    return ordinal >= first_row_ && ordinal < row_count_ && (word(ordinal / kBlockRows) >> (ordinal % kBlockRows) & 1) != 0;
  }

  std::size_t count() const {
    if (allowed_ == nullptr && first_row_ == 0) return row_count_ - std::min(row_count_, tables_.buried_count());
    std::size_t total = 0;
    for (std::size_t block = first_block(); block < block_count(); ++block)
      total += static_cast<std::size_t>(std::popcount(word(block)));
    return total;
  }

  // In ascending order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t block = first_block(); block < block_count(); ++block) {
      for (std::uint64_t rows = word(block); rows != 0; rows &= rows - 1) {
        visit(static_cast<Ordinal>(block * kBlockRows + static_cast<std::size_t>(std::countr_zero(rows))));
      }
    }
  }

 private:
  const CodeTables& tables_;
  const Bitmap* allowed_;
  std::size_t first_row_;
  std::size_t row_count_;
};

}  // namespace orthant
