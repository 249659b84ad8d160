// AVX-512 level: VPDPBUSD adds four products to each of 16 columns; 8 rows x 3 vectors are 24 of the 32 registers. On Zen 4 one
// instruction a cycle: 64 multiplications and additions.

#include <immintrin.h>

#include "encoder/kernels/int8_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

#include "encoder/kernels/avx512_vec.h"

#include "encoder/kernels/quantize_rows_body.h"

constexpr std::size_t kTileRows = 8;
constexpr std::size_t kTileVectors = 3;
constexpr std::size_t kPanelColumns = kTileVectors * kWidth;
// panel_ahead.h
constexpr bool kFetchesNextPanel = false;

#include "encoder/kernels/row_tiles.h"

#include "encoder/kernels/panel_ahead.h"

inline __m512i four_codes(const std::uint8_t* codes) {
  int quad;
  __builtin_memcpy(&quad, codes, sizeof quad);
  return _mm512_set1_epi32(quad);
}

template <std::size_t kRows, bool kNear>
inline void multiply_tile(const Int8Product& product, std::size_t first_row) {
  fetch_output<kRows>(product.c + first_row * product.c_stride, product.c_stride);
  __m512i sums[kRows][kTileVectors];
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    const __m512i start = _mm512_loadu_si512(product.start + v * kWidth);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) sums[r][v] = start;
  }
  // Two pointers reach eight rows; the empty asm keeps the compiler from making one a row (float_kernels_body.h).
  const std::size_t stride = product.depth;
  const std::uint8_t* low = product.a + first_row * stride;
  const std::uint8_t* high = kRows > 4 ? low + 4 * stride : low;
  const std::int8_t* b = product.b;
  for (std::size_t k = 0; k < product.depth; k += 4) {
    if (kNear) fetch_near(b);
    __m512i weights[kTileVectors];
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) weights[v] = _mm512_loadu_si512(b + v * 64);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const __m512i codes = four_codes(r < 4 ? low + r * stride : high + (r - 4) * stride);
      ORTHANT_UNROLL
      for (std::size_t v = 0; v < kTileVectors; ++v) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], codes, weights[v]);
    }
    low += 4;
    high += 4;
    b += kPanelColumns * 4;
    __asm__("" : "+r"(low), "+r"(high), "+r"(b));
  }
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    if (v * kWidth >= product.columns) break;
    const std::size_t left = product.columns - v * kWidth;
    const __mmask16 mask = left >= kWidth ? static_cast<__mmask16>(0xFFFF) : first_lanes(left);
    const Vec scales = v_load(product.scales + v * kWidth);
    const Vec bias = v_load(product.bias + v * kWidth);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vec scale = v_mul(scales, v_set(product.steps[first_row + r]));
      const Vec value = v_fma(_mm512_cvtepi32_ps(sums[r][v]), scale, bias);
      _mm512_mask_storeu_ps(product.c + (first_row + r) * product.c_stride + v * kWidth, mask, value);
    }
  }
}

void multiply(const Int8Product& product) {
  multiply_rows_ahead([](const Int8Product& whole, std::size_t first, auto rows, auto near,
                         PanelAhead) { multiply_tile<rows(), near()>(whole, first); },
                      product, product.depth / 4);
}

// sum + products of both halves.
inline IntVec i_add_pairs(IntVec sum, IntVec a, IntVec b) {
  return _mm512_dpwssd_epi32(sum, a, b);
}

// Of the weighted sums of values.
constexpr std::size_t kPairRows = 8;
constexpr std::size_t kPairVectors = 2;

#include "encoder/kernels/integer_attention_body.h"

}  // namespace

const Int8Kernels kInt8KernelsAvx512 = {kPanelColumns, quantize_rows, multiply, multiply, attention};

}  // namespace orthant
