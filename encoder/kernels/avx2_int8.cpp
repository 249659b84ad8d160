// AVX2 level: VPMADDUBSW adds pairs of u8 x s8 products in 16 bits; two of them are added before VPMADDWD widens to 32 bits where
// the codes allow it (int8_kernels.h): 5 instructions for 64 products instead of 6. 4 rows x 2 vectors of sums.

#include <immintrin.h>

#include "encoder/kernels/int8_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

#include "encoder/kernels/avx2_vec.h"

#include "encoder/kernels/quantize_rows_body.h"

constexpr std::size_t kTileRows = 4;
constexpr std::size_t kTileVectors = 2;
constexpr std::size_t kPanelColumns = kTileVectors * kWidth;
constexpr std::size_t kQuadBytes = kPanelColumns * 4;
// panel_ahead.h
constexpr bool kFetchesNextPanel = true;

#include "encoder/kernels/row_tiles.h"

#include "encoder/kernels/panel_ahead.h"

inline __m256i four_codes(const std::uint8_t* codes) {
  int quad;
  __builtin_memcpy(&quad, codes, sizeof quad);
  return _mm256_set1_epi32(quad);
}
inline __m256i weights_at(const std::int8_t* b) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
}

// Eight depths of one row and one vector of columns.
template <bool kWide>
inline __m256i add_products(__m256i sum, __m256i codes_0, __m256i codes_1, __m256i weights_0, __m256i weights_1) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i pairs_0 = _mm256_maddubs_epi16(codes_0, weights_0);
  const __m256i pairs_1 = _mm256_maddubs_epi16(codes_1, weights_1);
  if constexpr (kWide) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs_0, ones));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs_1, ones));
  } else {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(pairs_0, pairs_1), ones));
  }
}

template <std::size_t kRows, bool kWide>
inline void multiply_tile(const Int8Product& product, std::size_t first_row, PanelAhead ahead) {
  __m256i sums[kRows][kTileVectors];
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    const __m256i start = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(product.start + v * kWidth));
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) sums[r][v] = start;
  }
  const std::size_t stride = product.depth;
  const std::uint8_t* a = product.a + first_row * stride;
  const std::int8_t* b = product.b;
  const std::int8_t* const end = b + product.depth / 4 * kQuadBytes;
  while (b != end) {
    ahead.fetch();
    const auto left = static_cast<std::size_t>(end - b);
    const std::int8_t* const segment = b + (left < kSegmentSteps * kQuadBytes ? left : kSegmentSteps * kQuadBytes);
    do {
      ORTHANT_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        const __m256i codes_0 = four_codes(a + r * stride);
        const __m256i codes_1 = four_codes(a + r * stride + 4);
        ORTHANT_UNROLL
        for (std::size_t v = 0; v < kTileVectors; ++v) {
          sums[r][v] =
              add_products<kWide>(sums[r][v], codes_0, codes_1, weights_at(b + v * 32), weights_at(b + kQuadBytes + v * 32));
        }
      }
      a += kInt8DepthStep;
      b += 2 * kQuadBytes;
      __asm__("" : "+r"(a), "+r"(b));
    } while (b != segment);
  }
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    if (v * kWidth >= product.columns) break;
    const std::size_t left = product.columns - v * kWidth;
    const Vec scales = v_load(product.scales + v * kWidth);
    const Vec bias = v_load(product.bias + v * kWidth);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vec scale = v_mul(scales, v_set(product.steps[first_row + r]));
      const Vec value = v_fma(_mm256_cvtepi32_ps(sums[r][v]), scale, bias);
      float* c = product.c + (first_row + r) * product.c_stride + v * kWidth;
      if (left >= kWidth) {
        v_store(c, value);
      } else {
        v_store_partial(c, value, left);
      }
    }
  }
}

template <bool kWide>
void multiply_panel(const Int8Product& product) {
  multiply_rows_ahead([](const Int8Product& whole, std::size_t first, auto rows, auto /*near*/,
                         PanelAhead ahead) { multiply_tile<rows(), kWide>(whole, first, ahead); },
                      product, product.depth / 4);
}

void multiply(const Int8Product& product) {
  multiply_panel<false>(product);
}

// sum + products of both halves.
inline IntVec i_add_pairs(IntVec sum, IntVec a, IntVec b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

// Of the weighted sums of values.
constexpr std::size_t kPairRows = 4;
constexpr std::size_t kPairVectors = 2;

#include "encoder/kernels/integer_attention_body.h"

}  // namespace

const Int8Kernels kInt8KernelsAvx2 = {kPanelColumns, quantize_rows, multiply, multiply_panel<true>, attention};

}  // namespace orthant
