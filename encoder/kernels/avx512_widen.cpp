// AVX-512 level: 16 weights an instruction; one permutation looks up 16 NF4 codes.

#include <immintrin.h>

#include "encoder/kernels/widen_kernels.h"

namespace orthant {
namespace {

constexpr std::size_t kWidth = 16;

inline __mmask16 first_lanes(std::size_t count) {
  return count >= kWidth ? static_cast<__mmask16>(0xFFFF) : static_cast<__mmask16>((1U << count) - 1U);
}

void widen_bfloat16(std::size_t count, const std::uint16_t* from, float* to) {
  for (std::size_t i = 0; i < count; i += kWidth) {
    const __mmask16 lanes = first_lanes(count - i);
    const __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, from + i)), 16);
    _mm512_mask_storeu_ps(to + i, lanes, _mm512_castsi512_ps(wide));
  }
}

void widen_float16(std::size_t count, const std::uint16_t* from, float* to) {
  for (std::size_t i = 0; i < count; i += kWidth) {
    const __mmask16 lanes = first_lanes(count - i);
    _mm512_mask_storeu_ps(to + i, lanes, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, from + i)));
  }
}

void widen_nf4(const Nf4Rows& rows) {
  const std::size_t row_bytes = (rows.width + 1) / 2;
  const __m512 table = _mm512_loadu_ps(rows.values);
  const __m128i low_nibbles = _mm_set1_epi8(15);
  for (std::size_t row = 0; row < rows.rows; ++row) {
    const std::uint8_t* codes = rows.codes + row * row_bytes;
    float* to = rows.to + row * rows.width;
    for (std::size_t column = 0; column < rows.width; column += kWidth) {
      const std::size_t left = rows.width - column;
      const __mmask16 lanes = first_lanes(left);
      const __m128i bytes = _mm_maskz_loadu_epi8(first_lanes(left >= kWidth ? 8 : (left + 1) / 2), codes + column / 2);
      const __m128i nibbles =
          _mm_unpacklo_epi8(_mm_and_si128(bytes, low_nibbles), _mm_and_si128(_mm_srli_epi16(bytes, 4), low_nibbles));
      const __m512 values = _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(nibbles), table);
      _mm512_mask_storeu_ps(to + column, lanes, _mm512_mul_ps(values, _mm512_maskz_loadu_ps(lanes, rows.scales + column)));
    }
  }
}

}  // namespace

const WidenKernels kWidenKernelsAvx512 = {widen_bfloat16, widen_float16, widen_nf4};

}  // namespace orthant
