#pragma once
// What the AVX-512 levels share of the blocked scan. Included by files compiled for such a level only.

#include <immintrin.h>

#include "index/kernels/distance_kernels.h"
#include "index/kernels/pending_blocks.h"

namespace orthant {
namespace {

// Sums of 64 rows as 16-bit lanes: rows 2 i and rows 2 i + 1.
struct BlockSums {
  __m512i even;
  __m512i odd;
};

__m512i load_table(const std::uint8_t* table) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
}

// Keeps a value in a register, and the additions in the order written: without it GCC sums all look-ups of a group at its end and
// spills them.
#define ORTHANT_HOLD(value) __asm__("" : "+v"(value))

// Sums of `count` code bytes, at most a group, of all rows in 8 bits. Inlined with a constant count, the loop is unrolled.
inline __attribute__((always_inline)) __m512i sum_group(const std::uint8_t* tables, const std::uint8_t* rows, std::size_t count) {
  const __m512i half_mask = _mm512_set1_epi8(0x0f);
  __m512i high_sum = _mm512_setzero_si512();
  __m512i low_sum = _mm512_setzero_si512();
#pragma GCC unroll 12
  for (std::size_t byte = 0; byte < count; ++byte) {
    const std::uint8_t* table = tables + byte * kTableBytesPerCodeByte;
    __m512i codes = _mm512_loadu_si512(rows + byte * kBlockRows);
    ORTHANT_HOLD(codes);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(codes, 4), half_mask);
    const __m512i low = _mm512_and_si512(codes, half_mask);
    high_sum = _mm512_add_epi8(high_sum, _mm512_shuffle_epi8(load_table(table), high));
    low_sum = _mm512_add_epi8(low_sum, _mm512_shuffle_epi8(load_table(table + 16), low));
    ORTHANT_HOLD(high_sum);
    ORTHANT_HOLD(low_sum);
  }
  return _mm512_add_epi8(high_sum, low_sum);
}

// As in avx2.cpp: groups in bytes, then pairs of rows in 16 bits with the surplus of the odd rows taken off at the end.
void add_group(BlockSums& sums, __m512i group) {
  sums.even = _mm512_add_epi16(sums.even, group);
  sums.odd = _mm512_add_epi16(sums.odd, _mm512_srli_epi16(group, 8));
}

void store_sums(const BlockSums& sums, std::uint16_t* out) {
  const __m512i low = _mm512_unpacklo_epi16(sums.even, sums.odd);
  const __m512i high = _mm512_unpackhi_epi16(sums.even, sums.odd);
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  _mm512_storeu_si512(out, _mm512_permutex2var_epi64(low, first, high));
  _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi64(low, second, high));
}

template <typename Sum>
std::size_t scan_sums(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                      std::uint32_t first_ordinal, Candidate* found, Sum&& sum_of_block) {
  const std::uint32_t bound = integer_bound(scan.bound);
  if (bound == 0) return 0;
  const __m512i last = _mm512_set1_epi16(static_cast<short>(bound - 1));
  PendingBlocks pending;
  const auto distance_of = [](std::uint16_t sum, std::size_t) { return static_cast<float>(sum); };
  std::size_t count = 0;
  for (std::size_t block = 0; block < block_count; ++block) {
    if (masks[block] == 0) continue;
    const BlockSums sums = sum_of_block(blocks + block * kBlockRows * scan.code_bytes);
    const __mmask32 even = _mm512_cmple_epu16_mask(sums.even, last);
    const __mmask32 odd = _mm512_cmple_epu16_mask(sums.odd, last);
    const std::uint64_t rows = _pdep_u64(even, 0x5555555555555555) | _pdep_u64(odd, 0xaaaaaaaaaaaaaaaa);
    store_sums(sums, pending.next());
    pending.add(rows & masks[block], block * kBlockRows);
    if (pending.full()) count += pending.flush(first_ordinal, found + count, distance_of);
  }
  return count + pending.flush(first_ordinal, found + count, distance_of);
}

__m512 scaled_distance(const BlockScan& scan, const std::uint16_t* sums, std::size_t first_row) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)));
  __m512 distance = _mm512_mul_ps(_mm512_cvtepi32_ps(wide), _mm512_set1_ps(scan.step));
  distance = _mm512_add_ps(distance, _mm512_set1_ps(scan.base));
  distance = _mm512_mul_ps(distance, _mm512_loadu_ps(scan.scales + first_row));
  if (scan.offsets != nullptr) distance = _mm512_add_ps(distance, _mm512_loadu_ps(scan.offsets + first_row));
  return distance;
}

template <typename Sum>
std::size_t scan_scaled(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                        std::uint32_t first_ordinal, Candidate* found, Sum&& sum_of_block) {
  const __m512 bound = _mm512_set1_ps(scan.bound);
  PendingBlocks pending;
  const auto distance_of = [&scan](std::uint16_t sum, std::size_t row) {
    float distance = static_cast<float>(sum) * scan.step;
    distance = distance + scan.base;
    distance = distance * scan.scales[row];
    return scan.offsets == nullptr ? distance : distance + scan.offsets[row];
  };
  std::size_t count = 0;
  for (std::size_t block = 0; block < block_count; ++block) {
    if (masks[block] == 0) continue;
    std::uint16_t* sums = pending.next();
    store_sums(sum_of_block(blocks + block * kBlockRows * scan.code_bytes), sums);
    std::uint64_t rows = 0;
    for (std::size_t row = 0; row < kBlockRows; row += 16) {
      const __m512 distance = scaled_distance(scan, sums + row, block * kBlockRows + row);
      rows |= std::uint64_t{_mm512_cmp_ps_mask(distance, bound, _CMP_LT_OQ)} << row;
    }
    pending.add(rows & masks[block], block * kBlockRows);
    if (pending.full()) count += pending.flush(first_ordinal, found + count, distance_of);
  }
  return count + pending.flush(first_ordinal, found + count, distance_of);
}

// sum_of_block(block) gives the BlockSums.
template <typename Sum>
std::size_t scan_with(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                      std::uint32_t first_ordinal, Candidate* found, Sum&& sum_of_block) {
  if (scan.scales == nullptr) return scan_sums(scan, blocks, masks, block_count, first_ordinal, found, sum_of_block);
  return scan_scaled(scan, blocks, masks, block_count, first_ordinal, found, sum_of_block);
}

}  // namespace
}  // namespace orthant
