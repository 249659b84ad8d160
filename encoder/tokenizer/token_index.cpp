#include "encoder/tokenizer/token_index.h"

#include <bit>
#include <cstring>

namespace orthant {
namespace {

// Multiplies eight bytes at a time into one word. Tokens come from the model's file, not from users: no key is needed.
std::uint32_t hash_of(std::string_view token) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;
  std::uint64_t hash = token.size() * kFactor;
  while (!token.empty()) {
    std::uint64_t word = 0;
    const std::size_t bytes = token.size() < sizeof word ? token.size() : sizeof word;
    std::memcpy(&word, token.data(), bytes);
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 29;
    token.remove_prefix(bytes);
  }
  hash *= kFactor;
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

TokenIndex::TokenIndex(const std::vector<Entry>& entries) : slots_(std::bit_ceil(2 * entries.size() + 2)) {
  for (const Entry& entry : entries) {
    const std::uint32_t hash = hash_of(entry.token);
    Slot& slot = slots_[slot_of(entry.token, hash)];
    if (slot.id == kNone) {
      slot.hash = hash;
      slot.begin = static_cast<std::uint32_t>(pool_.size());
      slot.bytes = static_cast<std::uint32_t>(entry.token.size());
      pool_ += entry.token;
    }
    slot.id = entry.id;
  }
}

std::size_t TokenIndex::slot_of(std::string_view token, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id == kNone) return i;
    if (slot.hash == hash && slot.bytes == token.size() && std::memcmp(pool_.data() + slot.begin, token.data(), token.size()) == 0)
      return i;
  }
}

std::uint32_t TokenIndex::find(std::string_view token) const {
  return slots_[slot_of(token, hash_of(token))].id;
}

}  // namespace orthant
