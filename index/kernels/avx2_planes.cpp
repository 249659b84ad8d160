// Plane sums by look-up of nibbles: the table of plane b holds popcount << b, so that five planes add up within a byte
// (8 * 31 = 248), and one VPSADBW a vector gathers them.

#include <immintrin.h>

#include "index/kernels/plane_kernels.h"

namespace orthant {
namespace {

constexpr std::size_t kVectorWords = 4;
constexpr std::size_t kBytePlanes = 5;

__m256i load_words(const void* from, std::size_t words) {
  if (words >= kVectorWords) return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3);
  const __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(static_cast<long long>(words)), lanes);
  return _mm256_maskload_epi64(static_cast<const long long*>(from), mask);
}

inline __attribute__((always_inline)) __m256i weighted_bytes(__m256i plane, __m256i code, __m256i table) {
  const __m256i half_mask = _mm256_set1_epi8(0x0f);
  const __m256i differing = _mm256_xor_si256(plane, code);
  const __m256i low = _mm256_and_si256(differing, half_mask);
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(differing, 4), half_mask);
  return _mm256_add_epi8(_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high));
}

// Planes [first, first + kPlanes) of the query, weighted by 2^(b - first).
template <std::size_t kPlanes>
__m256i plane_group(const PlaneQuery& query, std::size_t first, const std::uint8_t* row) {
  const __m256i counts =
      _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  __m256i total = _mm256_setzero_si256();
  for (std::size_t i = 0; i < query.words; i += kVectorWords) {
    const std::size_t words = query.words - i;
    const __m256i code = load_words(row + i * 8, words);
    __m256i bytes = _mm256_setzero_si256();
#pragma GCC unroll 5
    for (std::size_t plane = 0; plane < kPlanes; ++plane) {
      const __m256i bits = load_words(query.planes + (first + plane) * query.words + i, words);
      bytes = _mm256_add_epi8(bytes, weighted_bytes(bits, code, _mm256_slli_epi16(counts, static_cast<int>(plane))));
    }
    total = _mm256_add_epi64(total, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
  }
  return total;
}

__m256i plane_group(const PlaneQuery& query, std::size_t first, std::size_t planes, const std::uint8_t* row) {
  switch (planes) {
    case 1: return plane_group<1>(query, first, row);
    case 2: return plane_group<2>(query, first, row);
    case 3: return plane_group<3>(query, first, row);
    case 4: return plane_group<4>(query, first, row);
    default: return plane_group<5>(query, first, row);
  }
}

std::uint32_t add_lanes(__m256i sums) {
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  return static_cast<std::uint32_t>(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

// Codes of at most eight words, planes that fit bytes: halves of bytes are split once, of the planes for all rows, of a row for all
// planes.
template <std::size_t kPlanes>
void short_rows(const PlaneQuery& query, const std::uint8_t* const* rows, std::size_t count, std::uint32_t* sums) {
  const __m256i half_mask = _mm256_set1_epi8(0x0f);
  const __m256i counts =
      _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const std::size_t second_words = query.words > kVectorWords ? query.words - kVectorWords : 0;
  const std::size_t vectors = second_words > 0 ? 2 : 1;
  __m256i low[2][kPlanes];
  __m256i high[2][kPlanes];
  __m256i tables[kPlanes];
  for (std::size_t plane = 0; plane < kPlanes; ++plane) {
    tables[plane] = _mm256_slli_epi16(counts, static_cast<int>(plane));
    for (std::size_t vector = 0; vector < vectors; ++vector) {
      const std::size_t first = vector * kVectorWords;
      const __m256i bits = load_words(query.planes + plane * query.words + first, query.words - first);
      low[vector][plane] = _mm256_and_si256(bits, half_mask);
      high[vector][plane] = _mm256_and_si256(_mm256_srli_epi16(bits, 4), half_mask);
    }
  }
  for (std::size_t row = 0; row < count; ++row) {
    __m256i total = _mm256_setzero_si256();
    for (std::size_t vector = 0; vector < vectors; ++vector) {
      const __m256i code = load_words(rows[row] + vector * 32, query.words - vector * kVectorWords);
      const __m256i code_low = _mm256_and_si256(code, half_mask);
      const __m256i code_high = _mm256_and_si256(_mm256_srli_epi16(code, 4), half_mask);
      __m256i bytes = _mm256_setzero_si256();
#pragma GCC unroll 5
      for (std::size_t plane = 0; plane < kPlanes; ++plane) {
        const __m256i first = _mm256_shuffle_epi8(tables[plane], _mm256_xor_si256(low[vector][plane], code_low));
        const __m256i second = _mm256_shuffle_epi8(tables[plane], _mm256_xor_si256(high[vector][plane], code_high));
        bytes = _mm256_add_epi8(bytes, _mm256_add_epi8(first, second));
      }
      total = _mm256_add_epi64(total, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
    }
    sums[row] = add_lanes(total);
  }
}

template <std::size_t kPlanes>
void few_planes(const PlaneQuery& query, const std::uint8_t* const* rows, std::size_t count, std::uint32_t* sums) {
  if (query.words <= 2 * kVectorWords) return short_rows<kPlanes>(query, rows, count, sums);
  for (std::size_t row = 0; row < count; ++row) sums[row] = add_lanes(plane_group<kPlanes>(query, 0, rows[row]));
}

void many_planes(const PlaneQuery& query, const std::uint8_t* const* rows, std::size_t count, std::uint32_t* sums) {
  for (std::size_t row = 0; row < count; ++row) {
    const std::uint32_t lower = add_lanes(plane_group<kBytePlanes>(query, 0, rows[row]));
    const std::uint32_t upper = add_lanes(plane_group(query, kBytePlanes, query.plane_count - kBytePlanes, rows[row]));
    sums[row] = lower + (upper << kBytePlanes);
  }
}

void plane_sums_list(const PlaneQuery& query, const std::uint8_t* const* rows, std::size_t count, std::uint32_t* sums) {
  switch (query.plane_count) {
    case 1: return few_planes<1>(query, rows, count, sums);
    case 2: return few_planes<2>(query, rows, count, sums);
    case 3: return few_planes<3>(query, rows, count, sums);
    case 4: return few_planes<4>(query, rows, count, sums);
    case 5: return few_planes<5>(query, rows, count, sums);
    default: return many_planes(query, rows, count, sums);
  }
}

}  // namespace

extern const PlaneKernels kAvx2PlaneKernels = {.plane_sums_list = plane_sums_list};

}  // namespace orthant
