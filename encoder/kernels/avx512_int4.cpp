// AVX-512 level: VPDPBUSD with the nibbles as its unsigned operand; 6 rows x 2 vectors of sums, once in integers for the group and
// once in floats.

#include <immintrin.h>

#include "encoder/kernels/int4_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

#include "encoder/kernels/avx512_vec.h"

constexpr std::size_t kTileRows = 6;
constexpr std::size_t kTileVectors = 2;
constexpr std::size_t kPanelColumns = kTileVectors * kWidth;
constexpr std::size_t kPrefetchBytes = 2048;

inline __m512i four_codes(const std::int8_t* codes) {
  int quad;
  __builtin_memcpy(&quad, codes, sizeof quad);
  return _mm512_set1_epi32(quad);
}

// The integer sums of one group.
template <std::size_t kRows>
inline void add_group(const Int4Product& product, const std::int8_t* a, const std::uint8_t* b,
                      __m512i (&sums)[kRows][kTileVectors]) {
  const __m512i low_nibbles = _mm512_set1_epi8(15);
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) sums[r][v] = _mm512_setzero_si512();
  }
  const std::size_t stride = product.depth;
  const std::int8_t* high = kRows > 4 ? a + 4 * stride : a;
  for (std::size_t k = 0; k < product.group_size; k += 8) {
    __m512i low_weights[kTileVectors];
    __m512i high_weights[kTileVectors];
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) {
      const __m512i pairs = _mm512_loadu_si512(b + v * 64);
      __builtin_prefetch(b + v * 64 + kPrefetchBytes);
      low_weights[v] = _mm512_and_si512(pairs, low_nibbles);
      high_weights[v] = _mm512_and_si512(_mm512_srli_epi16(pairs, 4), low_nibbles);
    }
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::int8_t* codes = r < 4 ? a + r * stride : high + (r - 4) * stride;
      const __m512i first = four_codes(codes);
      const __m512i second = four_codes(codes + 4);
      ORTHANT_UNROLL
      for (std::size_t v = 0; v < kTileVectors; ++v) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], low_weights[v], first);
      ORTHANT_UNROLL
      for (std::size_t v = 0; v < kTileVectors; ++v) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], high_weights[v], second);
    }
    a += 8;
    high += 8;
    b += kPanelColumns * 4;
    __asm__("" : "+r"(a), "+r"(high), "+r"(b));
  }
}

template <std::size_t kRows>
inline void multiply_tile(const Int4Product& product, std::size_t first_row) {
  const std::size_t groups = product.depth / product.group_size;
  const std::int8_t* a = product.a + first_row * product.depth;
  const std::uint8_t* b = product.b;
  Vec totals[kRows][kTileVectors];
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) totals[r][v] = v_zero();
  }
  for (std::size_t group = 0; group < groups; ++group) {
    __m512i sums[kRows][kTileVectors];
    add_group<kRows>(product, a, b, sums);
    a += product.group_size;
    b += product.group_size / 8 * kPanelColumns * 4;
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) {
      const std::size_t column = group * kPanelColumns + v * kWidth;
      const Vec scale = v_load(product.scales + column);
      const __m128i zeros = _mm_loadu_si128(reinterpret_cast<const __m128i*>(product.zero_points + column));
      const Vec zero = v_mul(scale, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(zeros)));
      ORTHANT_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        const Vec group_sum = v_set(product.group_sums[(first_row + r) * groups + group]);
        totals[r][v] = v_fma(_mm512_cvtepi32_ps(sums[r][v]), scale, _mm512_fnmadd_ps(zero, group_sum, totals[r][v]));
      }
    }
  }
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    if (v * kWidth >= product.columns) break;
    const std::size_t left = product.columns - v * kWidth;
    const __mmask16 mask = left >= kWidth ? static_cast<__mmask16>(0xFFFF) : first_lanes(left);
    const Vec bias = v_load(product.bias + v * kWidth);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vec value = v_fma(totals[r][v], v_set(product.steps[first_row + r]), bias);
      _mm512_mask_storeu_ps(product.c + (first_row + r) * product.c_stride + v * kWidth, mask, value);
    }
  }
}

#include "encoder/kernels/row_tiles.h"

void multiply(const Int4Product& product) {
  multiply_rows([](const Int4Product& whole, std::size_t first, auto rows) { multiply_tile<rows()>(whole, first); }, product);
}

}  // namespace

const Int4Kernels kInt4KernelsAvx512 = {kPanelColumns, multiply};

}  // namespace orthant
