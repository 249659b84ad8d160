#pragma once
// SortedColumn: pairs of a 64-bit key and an ordinal in ascending order, for conditions on ranges of numbers, times and places. A
// two-level B-tree: leaves of up to 512 pairs, each an immutable block that stores keys as differences from its smallest in as few
// bytes as they need (none where all keys are equal), so that a pair takes 4 bytes and 0 to 8 for its key. A leaf is written anew
// when it changes; a batch of additions writes each leaf once. Owns its memory. Readers on any number of threads while nobody
// writes.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace orthant {

class SortedColumn {
 public:
  struct Pair {
    std::uint64_t key = 0;
    std::uint32_t ordinal = 0;
    auto operator<=>(const Pair&) const = default;
  };

  // Pairs that are there already are not added again; of those to remove, unknown ones are passed over.
  void add(std::vector<Pair> pairs);
  void remove(const Pair& pair);

  std::uint64_t count() const { return count_; }
  // Pairs with first <= key <= last.
  std::uint64_t count_range(std::uint64_t first, std::uint64_t last) const;
  // Calls visit(key, ordinal) for these, in order.
  template <typename Visit>
  void visit_range(std::uint64_t first, std::uint64_t last, Visit&& visit) const;
  // The same in ascending or descending order until visit returns false.
  template <typename Visit>
  void visit_ordered(std::uint64_t first, std::uint64_t last, bool descending, Visit&& visit) const;
  std::size_t memory_bytes() const;

  // Keys whose order is that of the values. -0.0 is 0.0.
  static std::uint64_t key_of(std::int64_t value) { return static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63); }
  static std::uint64_t key_of(double value);
  // Back again.
  static std::int64_t integer_of_key(std::uint64_t key) { return static_cast<std::int64_t>(key ^ (std::uint64_t{1} << 63)); }
  static double float_of_key(std::uint64_t key);

 private:
  class Leaf {
   public:
    // Ascending and not empty.
    explicit Leaf(std::span<const Pair> pairs);
    std::size_t size() const { return count_; }
    Pair at(std::size_t i) const { return {key(i), ordinal(i)}; }
    std::uint64_t key(std::size_t i) const {
      std::uint64_t difference = 0;
      std::memcpy(&difference, keys() + i * key_bytes_, sizeof(difference));
      return base_ + (difference & key_mask());
    }
    std::uint32_t ordinal(std::size_t i) const {
      std::uint32_t value = 0;
      std::memcpy(&value, bytes_.get() + i * sizeof(value), sizeof(value));
      return value;
    }
    void append_to(std::vector<Pair>& pairs) const;
    // The first position whose key is not below `key`.
    std::size_t lower_bound(std::uint64_t key) const;
    std::size_t heap_bytes() const { return heap_bytes(count_, key_bytes_); }

   private:
    // Keys are read 8 bytes at a time, so the block ends in padding.
    static std::size_t heap_bytes(std::size_t count, std::size_t key_bytes) { return count * (4 + key_bytes) + 8; }
    const std::uint8_t* keys() const { return bytes_.get() + std::size_t{count_} * 4; }
    std::uint64_t key_mask() const { return key_bytes_ == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * key_bytes_)) - 1; }

    std::uint64_t base_ = 0;
    std::unique_ptr<std::uint8_t[]> bytes_;  // ordinals, then differences of keys
    std::uint16_t count_ = 0;
    std::uint8_t key_bytes_ = 0;
  };

  // The leaf that holds `pair`, or would.
  std::size_t leaf_of(const Pair& pair) const;
  // The first leaf that may hold keys >= `key`.
  std::size_t first_leaf(std::uint64_t key) const;
  static std::vector<Leaf> make_leaves(std::span<const Pair> pairs);

  std::vector<Leaf> leaves_;
  std::uint64_t count_ = 0;
};

template <typename Visit>
void SortedColumn::visit_range(std::uint64_t first, std::uint64_t last, Visit&& visit) const {
  if (first > last) return;
  for (std::size_t i = first_leaf(first); i < leaves_.size(); ++i) {
    const Leaf& leaf = leaves_[i];
    if (leaf.key(0) > last) return;
    const std::size_t begin = leaf.key(0) >= first ? 0 : leaf.lower_bound(first);
    const bool whole = leaf.key(leaf.size() - 1) <= last;
    const std::size_t end = whole ? leaf.size() : leaf.lower_bound(last + 1);
    for (std::size_t j = begin; j < end; ++j) visit(leaf.key(j), leaf.ordinal(j));
  }
}

template <typename Visit>
void SortedColumn::visit_ordered(std::uint64_t first, std::uint64_t last, bool descending, Visit&& visit) const {
  if (first > last || leaves_.empty()) return;
  if (!descending) {
    for (std::size_t i = first_leaf(first); i < leaves_.size(); ++i) {
      for (std::size_t j = leaves_[i].lower_bound(first); j < leaves_[i].size(); ++j) {
        if (leaves_[i].key(j) > last || !visit(leaves_[i].key(j), leaves_[i].ordinal(j))) return;
      }
    }
    return;
  }
  for (std::size_t i = leaf_of({last, 0xffffffff}) + 1; i-- > 0;) {
    for (std::size_t j = leaves_[i].size(); j-- > 0;) {
      if (leaves_[i].key(j) > last) continue;
      if (leaves_[i].key(j) < first || !visit(leaves_[i].key(j), leaves_[i].ordinal(j))) return;
    }
  }
}

}  // namespace orthant
