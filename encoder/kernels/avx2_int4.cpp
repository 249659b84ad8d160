// AVX2 level: VPMADDUBSW with the nibbles as its unsigned operand; up to eight quads are added in 16 bits before they are widened.
// 4 rows x 2 vectors of sums.

#include <immintrin.h>

#include "encoder/kernels/int4_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

#include "encoder/kernels/avx2_vec.h"

constexpr std::size_t kTileRows = 4;
constexpr std::size_t kTileVectors = 2;
constexpr std::size_t kPanelColumns = kTileVectors * kWidth;
// Depths whose products fit 16 bits together.
constexpr std::size_t kChunk = 32;
constexpr std::size_t kPrefetchBytes = 2048;

inline __m256i four_codes(const std::int8_t* codes) {
  int quad;
  __builtin_memcpy(&quad, codes, sizeof quad);
  return _mm256_set1_epi32(quad);
}

// Adds the products of `depths` (at most kChunk) to the 32-bit sums.
template <std::size_t kRows>
inline void add_chunk(std::size_t depths, std::size_t stride, const std::int8_t* a, const std::uint8_t* b,
                      __m256i (&sums)[kRows][kTileVectors]) {
  const __m256i low_nibbles = _mm256_set1_epi8(15);
  __m256i pairs[kRows][kTileVectors];
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) pairs[r][v] = _mm256_setzero_si256();
  }
  for (std::size_t k = 0; k < depths; k += 8) {
    __builtin_prefetch(b + kPrefetchBytes);
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) {
      const __m256i packed = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + v * 32));
      const __m256i low = _mm256_and_si256(packed, low_nibbles);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(packed, 4), low_nibbles);
      ORTHANT_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        pairs[r][v] = _mm256_add_epi16(pairs[r][v], _mm256_maddubs_epi16(low, four_codes(a + r * stride)));
        pairs[r][v] = _mm256_add_epi16(pairs[r][v], _mm256_maddubs_epi16(high, four_codes(a + r * stride + 4)));
      }
    }
    a += 8;
    b += kPanelColumns * 4;
    __asm__("" : "+r"(a), "+r"(b));
  }
  const __m256i ones = _mm256_set1_epi16(1);
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) sums[r][v] = _mm256_add_epi32(sums[r][v], _mm256_madd_epi16(pairs[r][v], ones));
  }
}

template <std::size_t kRows>
inline void multiply_tile(const Int4Product& product, std::size_t first_row) {
  const std::size_t groups = product.depth / product.group_size;
  const std::int8_t* a = product.a + first_row * product.depth;
  const std::uint8_t* b = product.b;
  Vec totals[kRows][kTileVectors] = {};
  for (std::size_t group = 0; group < groups; ++group) {
    __m256i sums[kRows][kTileVectors] = {};
    for (std::size_t k = 0; k < product.group_size; k += kChunk) {
      const std::size_t depths = product.group_size - k < kChunk ? product.group_size - k : kChunk;
      add_chunk<kRows>(depths, product.depth, a, b, sums);
      a += depths;
      b += depths / 8 * kPanelColumns * 4;
    }
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) {
      const std::size_t column = group * kPanelColumns + v * kWidth;
      const Vec scale = v_load(product.scales + column);
      const __m128i zeros = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(product.zero_points + column));
      const Vec zero = v_mul(scale, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(zeros)));
      ORTHANT_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        const Vec group_sum = v_set(product.group_sums[(first_row + r) * groups + group]);
        totals[r][v] = v_fma(_mm256_cvtepi32_ps(sums[r][v]), scale, _mm256_fnmadd_ps(zero, group_sum, totals[r][v]));
      }
    }
  }
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    if (v * kWidth >= product.columns) break;
    const std::size_t left = product.columns - v * kWidth;
    const Vec bias = v_load(product.bias + v * kWidth);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vec value = v_fma(totals[r][v], v_set(product.steps[first_row + r]), bias);
      float* c = product.c + (first_row + r) * product.c_stride + v * kWidth;
      if (left >= kWidth) {
        v_store(c, value);
      } else {
        v_store_partial(c, value, left);
      }
    }
  }
}

#include "encoder/kernels/row_tiles.h"

void multiply(const Int4Product& product) {
  multiply_rows([](const Int4Product& whole, std::size_t first, auto rows) { multiply_tile<rows()>(whole, first); }, product);
}

}  // namespace

const Int4Kernels kInt4KernelsAvx2 = {kPanelColumns, multiply};

}  // namespace orthant
