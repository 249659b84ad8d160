#pragma once
// GraphRows: what a graph keeps a row: its line and its list of neighbours.
//
// A line is the row's 1-bit code, row-major and padded to 64-bit words, followed by its scale and its squared norm (float32 each),
// padded to whole cache lines: 384 dimensions take one. A list has `degree` slots of ordinals; the used ones come first, kNoOrdinal
// follows. Slots are relaxed atomics: a reader beside a writer of the same list may see some of the old and some of the new
// neighbours, all of them valid.
//
// Threads: grow() by one builder at a time; write_list() under lock_of(); the rest from any thread, for rows below line_count().

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "index/candidates/line_table.h"
#include "index/code_tables.h"
#include "index/index_config.h"
#include "index/row_column.h"

namespace orthant {

// Held for some microseconds while a list is pruned; hardly ever contended.
class SpinLock {
 public:
  void lock() {
    while (locked_.exchange(true, std::memory_order_acquire)) {
      while (locked_.load(std::memory_order_relaxed)) {
      }
    }
  }
  void unlock() { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

class GraphRows {
 public:
  // `code_bits`: the weights that a query of the quantizer has.
  GraphRows(const CodeTables& tables, Metric metric, std::size_t code_bits, std::size_t degree);

  // Fills the lines of rows [line_count(), end) from the tables, which have published them, and empties their lists (unless a
  // loader has filled those).
  void grow(Ordinal end, bool empty_lists = true);
  Ordinal line_count() const { return line_count_.load(std::memory_order_acquire); }

  std::size_t degree() const { return degree_; }
  std::size_t word_count() const { return word_count_; }
  std::size_t line_bytes() const { return lines_.line_bytes(); }
  const std::uint8_t* line(Ordinal ordinal) const { return lines_.line(ordinal); }
  float scale(const std::uint8_t* line) const { return factor(line, 0); }
  float squared_norm(const std::uint8_t* line) const { return factor(line, sizeof(float)); }
  // Metric::kDot: no row's squared norm is larger.
  float largest_squared_norm() const { return largest_squared_norm_.load(std::memory_order_relaxed); }

  std::uint32_t* slots(Ordinal ordinal) const { return lists_.row_as<std::uint32_t>(ordinal); }
  static Ordinal slot(std::uint32_t* slots, std::size_t i) {
    return std::atomic_ref<std::uint32_t>(slots[i]).load(std::memory_order_relaxed);
  }
  // Writes the neighbours to `out`, of room degree(), and returns their number.
  std::size_t read_list(Ordinal ordinal, Ordinal* out) const;
  bool has_list(Ordinal ordinal) const { return slot(slots(ordinal), 0) != kNoOrdinal; }
  void write_list(Ordinal ordinal, std::span<const Ordinal> neighbours);
  void append_neighbour(Ordinal ordinal, std::size_t at, Ordinal neighbour);
  SpinLock& lock_of(Ordinal ordinal) { return locks_[ordinal % kLocks]; }

  RowColumn& lists() { return lists_; }
  std::size_t memory_bytes() const;

 private:
  static constexpr std::size_t kLocks = 1'024;

  float factor(const std::uint8_t* line, std::size_t at) const {
    float value = 0;
    std::memcpy(&value, line + word_count_ * 8 + at, sizeof value);
    return value;
  }
  void fill_line(Ordinal ordinal);
  float norm_of(Ordinal ordinal) const;

  const CodeTables& tables_;
  const RowColumn& int8_codes_;
  const RowColumn& int8_scales_;
  const Metric metric_;
  const std::size_t code_bits_;
  const std::size_t word_count_;
  const std::size_t degree_;
  LineTable lines_;
  RowColumn lists_;
  std::atomic<float> largest_squared_norm_{0};
  // Stored with release after lines and lists of the rows below it are written; readers load it with acquire.
  std::atomic<Ordinal> line_count_{0};
  std::array<SpinLock, kLocks> locks_;
};

}  // namespace orthant
