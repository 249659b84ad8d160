// AVX-512 with AVX512_BF16: VDPBF16PS adds two products to each of 16 columns; 8 rows x 3 vectors of sums.

#include <immintrin.h>

#include "encoder/kernels/bfloat16_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

#include "encoder/kernels/avx512_vec.h"

constexpr std::size_t kTileRows = 8;
constexpr std::size_t kTileVectors = 3;
constexpr std::size_t kPanelColumns = kTileVectors * kWidth;
constexpr std::size_t kPrefetchBytes = 4096;

inline __m512bh two_values(const std::uint16_t* values) {
  int pair;
  __builtin_memcpy(&pair, values, sizeof pair);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
}

template <std::size_t kRows>
inline void multiply_tile(const Bfloat16Product& product, std::size_t first_row) {
  Vec sums[kRows][kTileVectors];
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    const Vec bias = v_load(product.bias + v * kWidth);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) sums[r][v] = bias;
  }
  // Two pointers reach eight rows; the empty asm keeps the compiler from making one a row (float_kernels_body.h).
  const std::size_t stride = product.depth;
  const std::uint16_t* low = product.a + first_row * stride;
  const std::uint16_t* high = kRows > 4 ? low + 4 * stride : low;
  const std::uint16_t* b = product.b;
  for (std::size_t k = 0; k < product.depth; k += 2) {
    __m512bh weights[kTileVectors];
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) {
      weights[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + v * 2 * kWidth));
      __builtin_prefetch(b + v * 2 * kWidth + kPrefetchBytes / 2);
    }
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const __m512bh values = two_values(r < 4 ? low + r * stride : high + (r - 4) * stride);
      ORTHANT_UNROLL
      for (std::size_t v = 0; v < kTileVectors; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], values, weights[v]);
    }
    low += 2;
    high += 2;
    b += kPanelColumns * 2;
    __asm__("" : "+r"(low), "+r"(high), "+r"(b));
  }
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    if (v * kWidth >= product.columns) break;
    const std::size_t left = product.columns - v * kWidth;
    const __mmask16 mask = left >= kWidth ? static_cast<__mmask16>(0xFFFF) : first_lanes(left);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      _mm512_mask_storeu_ps(product.c + (first_row + r) * product.c_stride + v * kWidth, mask, sums[r][v]);
    }
  }
}

#include "encoder/kernels/row_tiles.h"

void multiply(const Bfloat16Product& product) {
  multiply_rows([](const Bfloat16Product& whole, std::size_t first, auto rows) { multiply_tile<rows()>(whole, first); }, product);
}

void round_row(std::size_t count, const float* from, std::uint16_t* to) {
  for (std::size_t i = 0; i < count; i += kWidth) {
    const std::size_t left = count - i;
    const __mmask16 mask = left >= kWidth ? static_cast<__mmask16>(0xFFFF) : first_lanes(left);
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from + i));
    _mm256_mask_storeu_epi16(to + i, mask, reinterpret_cast<__m256i>(rounded));
  }
}

}  // namespace

const Bfloat16Kernels kBfloat16KernelsAvx512 = {kPanelColumns, round_row, multiply};

}  // namespace orthant
