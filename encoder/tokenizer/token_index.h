#pragma once
// TokenIndex: the ids of a fixed set of tokens by their bytes: a hash table with open addressing, one or two cache lines a look-up.
// Immutable after construction, any thread.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace orthant {

class TokenIndex {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  struct Entry {
    std::string_view token;
    std::uint32_t id;  // not kNone
  };
  // Of equal tokens the last one counts. Tokens are copied.
  explicit TokenIndex(const std::vector<Entry>& entries);

  // kNone: no such token.
  std::uint32_t find(std::string_view token) const;

 private:
  struct Slot {
    std::uint64_t head = 0;  // the first eight bytes: all that most tokens have
    std::uint32_t bytes = 0;
    std::uint32_t id = kNone;
    std::uint32_t begin = 0;  // in the pool, of what comes after the head
  };
  std::size_t slot_of(std::string_view token) const;

  std::vector<Slot> slots_;  // their number is a power of two; at least one is free
  std::string pool_;
};

}  // namespace orthant
