#pragma once
// Bitmap: a plain set of row numbers as 64-bit words, made for scans that look at 64 rows at a time. Owns its words; one writer,
// no readers meanwhile (value semantics).

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace orthant {

class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(std::size_t size, bool value = false) : size_(size), words_((size + 63) / 64, value ? ~std::uint64_t{0} : 0) {
    clear_tail();
  }

  std::size_t size() const { return size_; }
  // Out of range reads as not set.
  bool test(std::size_t position) const { return position < size_ && (words_[position / 64] >> (position % 64) & 1) != 0; }
  void set(std::size_t position) { words_[position / 64] |= std::uint64_t{1} << (position % 64); }
  void reset(std::size_t position) { words_[position / 64] &= ~(std::uint64_t{1} << (position % 64)); }

  std::size_t count() const {
    std::size_t total = 0;
    for (std::uint64_t word : words_) total += static_cast<std::size_t>(std::popcount(word));
    return total;
  }
  // Bits past size() are zero, and whoever writes words keeps them so.
  std::span<const std::uint64_t> words() const { return words_; }
  std::span<std::uint64_t> words() { return words_; }
  bool none() const {
    for (std::uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }

  // The other set has the same size.
  Bitmap& operator&=(const Bitmap& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
  }
  Bitmap& operator|=(const Bitmap& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  Bitmap& subtract(const Bitmap& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
    return *this;
  }
  Bitmap& flip() {
    for (std::uint64_t& word : words_) word = ~word;
    clear_tail();
    return *this;
  }

  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t word_index = 0; word_index < words_.size(); ++word_index) {
      for (std::uint64_t word = words_[word_index]; word != 0; word &= word - 1) {
        visit(word_index * 64 + static_cast<std::size_t>(std::countr_zero(word)));
      }
    }
  }

 private:
  void clear_tail() {
    if (size_ % 64 != 0) words_.back() &= (std::uint64_t{1} << (size_ % 64)) - 1;
  }

  std::size_t size_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace orthant
