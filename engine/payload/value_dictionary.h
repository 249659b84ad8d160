#pragma once
// ValueDictionary: texts numbered in the order in which they first came: the values of a keyword index, the tokens of a text index.
// Some 15 bytes a text beside its own. Owns copies of the texts; numbers and texts stay for its life. Readers on any number of
// threads while nobody writes.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace orthant {

class ValueDictionary {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // kNone when the text is unknown.
  std::uint32_t find(std::string_view text) const;
  // The text's number, new or known.
  std::uint32_t insert(std::string_view text);

  std::size_t size() const { return begins_.size(); }
  std::string_view text(std::uint32_t number) const;
  std::size_t memory_bytes() const;

 private:
  // Where `text` stands in the table of slots, or would.
  std::size_t slot_of(std::string_view text) const;
  void grow();

  std::string texts_;                  // one after the other
  std::vector<std::uint64_t> begins_;  // by number
  std::vector<std::uint32_t> slots_;   // a hash table with open addressing: numbers, kNone where free; a power of two
};

}  // namespace orthant
