#pragma once
// RowBounds: what indexes know about the rows that match a condition: all of `certain` do, and none outside `possible`. The rows
// between the two have to be asked one by one. Plain values; the algebra of filters over them, on whole words.
//
// The idea is that of three-valued logic: and, or and not of bounds are bounds of and, or and not, so a filter of which indexes
// answer only some conditions still gives the best bounds that follow from these.

#include <cstddef>
#include <optional>
#include <utility>

#include "base/bitmap.h"

namespace orthant {

struct RowBounds {
  Bitmap possible;
  std::optional<Bitmap> certain;  // a subset of possible; nothing: the same, the answer is exact

  static RowBounds exactly(Bitmap rows) { return {std::move(rows), std::nullopt}; }
  // Nothing is known of `rows` rows.
  static RowBounds unknown(std::size_t rows) { return {Bitmap(rows, true), Bitmap(rows)}; }

  std::size_t rows() const { return possible.size(); }
  bool exact() const { return !certain; }
  const Bitmap& certain_rows() const { return certain ? *certain : possible; }
  // The rows that have to be asked.
  Bitmap undecided() const {
    Bitmap rows = possible;
    rows.subtract(certain_rows());
    return rows;
  }

  RowBounds& operator&=(const RowBounds& other) {
    if (certain || other.certain) {
      if (!certain) certain = possible;
      *certain &= other.certain_rows();
    }
    possible &= other.possible;
    return *this;
  }
  RowBounds& operator|=(const RowBounds& other) {
    if (certain || other.certain) {
      if (!certain) certain = possible;
      *certain |= other.certain_rows();
    }
    possible |= other.possible;
    return *this;
  }
  RowBounds& complement() {
    possible.flip();
    if (!certain) return *this;
    certain->flip();
    std::swap(possible, *certain);
    return *this;
  }
};

}  // namespace orthant
