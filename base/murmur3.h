#pragma once
// MurmurHash3 x86 32 (Austin Appleby, public domain algorithm). Any thread.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace orthant {

inline std::uint32_t murmur3_32(std::string_view bytes, std::uint32_t seed = 0) {
  constexpr std::uint32_t kFirst = 0xcc9e2d51;
  constexpr std::uint32_t kSecond = 0x1b873593;
  const auto scramble = [](std::uint32_t word) { return std::rotl(word * kFirst, 15) * kSecond; };
  std::uint32_t hash = seed;
  std::size_t position = 0;
  for (; position + 4 <= bytes.size(); position += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + position, sizeof word);
    hash = std::rotl(hash ^ scramble(word), 13) * 5 + 0xe6546b64;
  }
  std::uint32_t tail = 0;
  std::memcpy(&tail, bytes.data() + position, bytes.size() - position);
  hash ^= scramble(tail);  // of nothing: 0
  hash ^= static_cast<std::uint32_t>(bytes.size());
  hash = (hash ^ hash >> 16) * 0x85ebca6b;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35;
  return hash ^ hash >> 16;
}

}  // namespace orthant
