#pragma once
// Hamming distances of rows by words of 64 bits: for levels whose best is the popcount of their instruction set. Included by files
// that are each compiled for their own level, so that everything here has internal linkage.

#include <cstddef>
#include <cstdint>

namespace orthant {
namespace {

inline void hamming_rows(const std::uint8_t* query, const std::uint8_t* rows, std::size_t code_bytes, std::size_t count,
                         std::uint32_t* out) {
  for (std::size_t row = 0; row < count; ++row) {
    const std::uint8_t* code = rows + row * code_bytes;
    std::uint32_t sum = 0;
    std::size_t byte = 0;
    for (; byte + 8 <= code_bytes; byte += 8) {
      std::uint64_t a = 0;
      std::uint64_t b = 0;
      __builtin_memcpy(&a, query + byte, 8);
      __builtin_memcpy(&b, code + byte, 8);
      sum += static_cast<std::uint32_t>(__builtin_popcountll(a ^ b));
    }
    for (; byte < code_bytes; ++byte) sum += static_cast<std::uint32_t>(__builtin_popcount(query[byte] ^ code[byte]));
    out[row] = sum;
  }
}

}  // namespace
}  // namespace orthant
