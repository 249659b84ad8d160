// AVX2 level: 8 weights an instruction.

#include <immintrin.h>

#include "encoder/kernels/widen_kernels.h"

namespace orthant {
namespace {

constexpr std::size_t kWidth = 8;

inline __m128i load_halves(const std::uint16_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

void widen_bfloat16(std::size_t count, const std::uint16_t* from, float* to) {
  std::size_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    const __m256i wide = _mm256_slli_epi32(_mm256_cvtepu16_epi32(load_halves(from + i)), 16);
    _mm256_storeu_ps(to + i, _mm256_castsi256_ps(wide));
  }
  for (; i < count; ++i) {
    const std::uint32_t bits = std::uint32_t{from[i]} << 16;
    __builtin_memcpy(to + i, &bits, sizeof bits);
  }
}

void widen_float16(std::size_t count, const std::uint16_t* from, float* to) {
  std::size_t i = 0;
  for (; i + kWidth <= count; i += kWidth) _mm256_storeu_ps(to + i, _mm256_cvtph_ps(load_halves(from + i)));
  for (; i < count; ++i) to[i] = _cvtsh_ss(from[i]);
}

// 8 columns: four bytes, nibbles side by side, each looked up in the lower or the upper half of the table.
void widen_nf4(const Nf4Rows& rows) {
  const std::size_t row_bytes = (rows.width + 1) / 2;
  const __m256 low_values = _mm256_loadu_ps(rows.values);
  const __m256 high_values = _mm256_loadu_ps(rows.values + 8);
  const __m128i low_nibbles = _mm_set1_epi8(15);
  for (std::size_t row = 0; row < rows.rows; ++row) {
    const std::uint8_t* codes = rows.codes + row * row_bytes;
    float* to = rows.to + row * rows.width;
    std::size_t column = 0;
    for (; column + kWidth <= rows.width; column += kWidth) {
      int four;
      __builtin_memcpy(&four, codes + column / 2, sizeof four);
      const __m128i bytes = _mm_cvtsi32_si128(four);
      const __m128i nibbles =
          _mm_unpacklo_epi8(_mm_and_si128(bytes, low_nibbles), _mm_and_si128(_mm_srli_epi16(bytes, 4), low_nibbles));
      const __m256i indexes = _mm256_cvtepu8_epi32(nibbles);
      const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(indexes, 28));  // bit 3 becomes the sign
      const __m256 values =
          _mm256_blendv_ps(_mm256_permutevar8x32_ps(low_values, indexes), _mm256_permutevar8x32_ps(high_values, indexes), upper);
      _mm256_storeu_ps(to + column, _mm256_mul_ps(values, _mm256_loadu_ps(rows.scales + column)));
    }
    for (; column < rows.width; ++column) {
      const std::size_t code = column % 2 == 0 ? codes[column / 2] & 15U : codes[column / 2] >> 4U;
      to[column] = rows.values[code] * rows.scales[column];
    }
  }
}

}  // namespace

const WidenKernels kWidenKernelsAvx2 = {widen_bfloat16, widen_float16, widen_nf4};

}  // namespace orthant
