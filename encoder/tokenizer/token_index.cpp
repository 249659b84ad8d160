#include "encoder/tokenizer/token_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace orthant {
namespace {

constexpr std::size_t kHeadBytes = sizeof(std::uint64_t);

std::uint64_t head_of(std::string_view token) {
  std::uint64_t head = 0;
  std::memcpy(&head, token.data(), std::min(token.size(), kHeadBytes));
  return head;
}

std::string_view after_head(std::string_view token) {
  return token.substr(std::min(token.size(), kHeadBytes));
}

// Multiplies eight bytes at a time into one word. Tokens come from the model's file, not from users: no key is needed.
std::size_t hash_of(std::string_view token) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;
  std::uint64_t hash = token.size() * kFactor;
  for (; !token.empty(); token = after_head(token)) {
    hash = (hash ^ head_of(token)) * kFactor;
    hash ^= hash >> 29;
  }
  return static_cast<std::size_t>(hash * kFactor >> 32);
}

}  // namespace

TokenIndex::TokenIndex(const std::vector<Entry>& entries) : slots_(std::bit_ceil(2 * entries.size() + 2)) {
  for (const Entry& entry : entries) {
    Slot& slot = slots_[slot_of(entry.token)];
    if (slot.id == kNone) {
      slot.head = head_of(entry.token);
      slot.bytes = static_cast<std::uint32_t>(entry.token.size());
      slot.begin = static_cast<std::uint32_t>(pool_.size());
      pool_ += after_head(entry.token);
    }
    slot.id = entry.id;
  }
}

std::size_t TokenIndex::slot_of(std::string_view token) const {
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t head = head_of(token);
  const std::string_view rest = after_head(token);
  for (std::size_t i = hash_of(token) & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id == kNone) return i;
    if (slot.head != head || slot.bytes != token.size()) continue;
    if (rest.empty() || std::memcmp(pool_.data() + slot.begin, rest.data(), rest.size()) == 0) return i;
  }
}

std::uint32_t TokenIndex::find(std::string_view token) const {
  return slots_[slot_of(token)].id;
}

}  // namespace orthant
