#pragma once
// GraphRows: what a graph keeps a row: its line and its list of neighbours.
//
// A line is the row's 1-bit code, row-major and padded to 64-bit words, followed by its scale and its squared norm (float32 each),
// padded to whole cache lines: 384 dimensions take one. A list has degree() slots of ordinals; the used ones come first, kNoOrdinal
// follows. Slots are relaxed atomics: a reader beside a writer of the same list may see some of the old and some of the new
// neighbours, all of them valid.
//
// Lean lists are for indexes whose codes are on disk: slots of three bytes, the first ones in what the row's line leaves free
// (under cosine, which has no use for the norm, it leaves 12 bytes more than its code and scale take at 384 dimensions), the others
// in 51 bytes of their own. Such a row takes 115 bytes in all, with 21 neighbours. A byte is an atomic of its own: beside a writer
// a slot may give an ordinal that was never in the list, below line_count() or not; a walk takes it for one more row to look at.
//
// Threads: grow() by one builder at a time; write_list() under lock_of(); the rest from any thread, for rows below line_count().

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "index/candidates/line_table.h"
#include "index/code_tables.h"
#include "index/index_config.h"
#include "index/int8_rows.h"
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
  // `code_bits`: the weights that a query of the quantizer has. `degree` 0: lean lists, as long as their bytes allow.
  GraphRows(const CodeTables& tables, Metric metric, std::size_t code_bits, std::size_t degree);

  // Slots of a lean list have room for ordinals below it.
  static constexpr Ordinal kMostLeanRows = 0xffffff;

  // Fills the lines of rows [line_count(), end) from the tables, which have published them, and empties their lists (unless a
  // loader has filled those).
  void grow(Ordinal end, bool empty_lists = true);
  Ordinal line_count() const { return line_count_.load(std::memory_order_acquire); }

  std::size_t degree() const { return degree_; }
  bool is_lean() const { return lean_; }
  std::size_t word_count() const { return word_count_; }
  std::size_t line_bytes() const { return lines_.line_bytes(); }
  const std::uint8_t* line(Ordinal ordinal) const { return lines_.line(ordinal); }
  float scale(const std::uint8_t* line) const { return factor(line, 0); }
  float squared_norm(const std::uint8_t* line) const { return factor(line, sizeof(float)); }
  // Metric::kDot: no row's squared norm is larger.
  float largest_squared_norm() const { return largest_squared_norm_.load(std::memory_order_relaxed); }

  // visit(neighbour) for each, in the order of the list, until it gives false.
  template <typename Visit>
  void visit_list(Ordinal ordinal, Visit&& visit) const {
    if (lean_) {
      visit_lean(ordinal, visit);
      return;
    }
    std::uint32_t* slots = lists_.row_as<std::uint32_t>(ordinal);
    for (std::size_t i = 0; i < degree_; ++i) {
      const Ordinal neighbour = std::atomic_ref<std::uint32_t>(slots[i]).load(std::memory_order_relaxed);
      if (neighbour == kNoOrdinal || !visit(neighbour)) return;
    }
  }
  Ordinal slot(Ordinal ordinal, std::size_t i) const;
  // Asks for the lines that the list lies on, into the second-level cache: some two dozen lines may be on their way to the first at
  // a time, and the lines of a list's rows are more.
  void fetch_list(Ordinal ordinal) const {
    const std::uint8_t* list = lists_.row(ordinal);
    for (std::size_t byte = 0; byte < lists_.row_bytes(); byte += kCacheLineBytes) __builtin_prefetch(list + byte, 0, 2);
  }
  // Writes the neighbours to `out`, of room degree(), and returns their number.
  std::size_t read_list(Ordinal ordinal, Ordinal* out) const;
  bool has_list(Ordinal ordinal) const { return slot(ordinal, 0) != kNoOrdinal; }
  void write_list(Ordinal ordinal, std::span<const Ordinal> neighbours);
  void append_neighbour(Ordinal ordinal, std::size_t at, Ordinal neighbour);
  SpinLock& lock_of(Ordinal ordinal) { return locks_[ordinal % kLocks]; }

  RowColumn& lists() { return lists_; }
  // The slots that lie on lines, `row_count` rows of them, for snapshots: a copy, and what a copy is put back from.
  std::size_t line_slot_bytes() const { return line_slots_ * kLeanSlotBytes; }
  void copy_line_slots(std::size_t row_count, RowColumn& out) const;
  void put_line_slots(std::size_t row_count, const RowColumn& from);
  std::size_t memory_bytes() const;

 private:
  static constexpr std::size_t kLocks = 1'024;
  static constexpr std::size_t kLeanSlotBytes = 3;

  float factor(const std::uint8_t* line, std::size_t at) const {
    float value = 0;
    std::memcpy(&value, line + word_count_ * 8 + at, sizeof value);
    return value;
  }
  std::uint8_t* lean_slot(Ordinal ordinal, std::size_t i) const {
    if (i < line_slots_) return lines_.line(ordinal) + slots_at_ + i * kLeanSlotBytes;
    return lists_.row(ordinal) + (i - line_slots_) * kLeanSlotBytes;
  }
  static Ordinal read_lean(std::uint8_t* slot) {
    const auto byte = [slot](std::size_t i) {
      return std::uint32_t{std::atomic_ref<std::uint8_t>(slot[i]).load(std::memory_order_relaxed)};
    };
    const Ordinal ordinal = byte(0) | byte(1) << 8 | byte(2) << 16;
    return ordinal == kMostLeanRows ? kNoOrdinal : ordinal;
  }
  template <typename Visit>
  void visit_lean(Ordinal ordinal, Visit&& visit) const {
    for (const auto& [first, count] :
         {std::pair{lines_.line(ordinal) + slots_at_, line_slots_}, std::pair{lists_.row(ordinal), degree_ - line_slots_}}) {
      for (std::size_t i = 0; i < count; ++i) {
        const Ordinal neighbour = read_lean(first + i * kLeanSlotBytes);
        if (neighbour == kNoOrdinal || !visit(neighbour)) return;
      }
    }
  }
  void write_slot(Ordinal ordinal, std::size_t i, Ordinal neighbour);
  void fill_line(Ordinal ordinal);
  float norm_of(Ordinal ordinal) const;

  const CodeTables& tables_;
  const Int8Rows int8_;
  const Metric metric_;
  const std::size_t code_bits_;
  const std::size_t word_count_;
  const bool lean_;
  const std::size_t slots_at_;    // the byte of a line at which lean slots begin
  const std::size_t line_slots_;  // on a line
  const std::size_t degree_;
  LineTable lines_;
  RowColumn lists_;
  std::atomic<float> largest_squared_norm_{0};
  // Stored with release after lines and lists of the rows below it are written; readers load it with acquire.
  std::atomic<Ordinal> line_count_{0};
  std::array<SpinLock, kLocks> locks_;
};

}  // namespace orthant
