#pragma once
// RowMask: which rows one search may return: allowed by the caller, not buried, and published when the search began. A view; the
// bitmap and the tables outlive it. Any thread.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bitmap.h"
#include "index/code_tables.h"

namespace orthant {

class RowMask {
 public:
  // `allowed` may be null: all rows.
  RowMask(const CodeTables& tables, const Bitmap* allowed, std::size_t row_count)
      : tables_(tables), allowed_(allowed), row_count_(row_count) {}

  std::size_t row_count() const { return row_count_; }
  std::size_t block_count() const { return (row_count_ + kBlockRows - 1) / kBlockRows; }

  // Bit r: row 64 * block + r may be returned.
  std::uint64_t word(std::size_t block) const {
    std::uint64_t rows = ~tables_.buried_word(block);
    if (allowed_ != nullptr) rows &= block < allowed_->words().size() ? allowed_->words()[block] : 0;
    const std::size_t end = row_count_ - block * kBlockRows;
    return end < kBlockRows ? rows & ((std::uint64_t{1} << end) - 1) : rows;
  }

  bool contains(Ordinal ordinal) const {
    return ordinal < row_count_ && (word(ordinal / kBlockRows) >> (ordinal % kBlockRows) & 1) != 0;
  }

  std::size_t count() const {
    if (allowed_ == nullptr) return row_count_ - std::min(row_count_, tables_.buried_count());
    std::size_t total = 0;
    for (std::size_t block = 0; block < block_count(); ++block) total += static_cast<std::size_t>(std::popcount(word(block)));
    return total;
  }

  // In ascending order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t block = 0; block < block_count(); ++block) {
      for (std::uint64_t rows = word(block); rows != 0; rows &= rows - 1) {
        visit(static_cast<Ordinal>(block * kBlockRows + static_cast<std::size_t>(std::countr_zero(rows))));
      }
    }
  }

 private:
  const CodeTables& tables_;
  const Bitmap* allowed_;
  std::size_t row_count_;
};

}  // namespace orthant
