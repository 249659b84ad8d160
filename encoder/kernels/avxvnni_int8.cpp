// AVX-VNNI level: VPDPBUSD on vectors of 8 columns, for CPUs that have it without AVX-512. 6 rows x 2 vectors of sums.

#include <immintrin.h>

#include "encoder/kernels/int8_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

#include "encoder/kernels/avx2_vec.h"

#include "encoder/kernels/quantize_rows_body.h"

constexpr std::size_t kTileRows = 6;
constexpr std::size_t kTileVectors = 2;
constexpr std::size_t kPanelColumns = kTileVectors * kWidth;
constexpr std::size_t kQuadBytes = kPanelColumns * 4;
constexpr std::size_t kPrefetchBytes = 4096;

inline __m256i four_codes(const std::uint8_t* codes) {
  int quad;
  __builtin_memcpy(&quad, codes, sizeof quad);
  return _mm256_set1_epi32(quad);
}
inline __m256i weights_at(const std::int8_t* b) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
}

template <std::size_t kRows>
inline void multiply_tile(const Int8Product& product, std::size_t first_row) {
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
  for (std::size_t k = 0; k < product.depth; k += 4) {
    __builtin_prefetch(b + kPrefetchBytes);
    __m256i weights[kTileVectors];
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) weights[v] = weights_at(b + v * 32);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const __m256i codes = four_codes(a + r * stride);
      ORTHANT_UNROLL
      for (std::size_t v = 0; v < kTileVectors; ++v) sums[r][v] = _mm256_dpbusd_avx_epi32(sums[r][v], codes, weights[v]);
    }
    a += 4;
    b += kQuadBytes;
    __asm__("" : "+r"(a), "+r"(b));
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

#include "encoder/kernels/row_tiles.h"

void multiply(const Int8Product& product) {
  multiply_rows([](const Int8Product& whole, std::size_t first, auto rows) { multiply_tile<rows()>(whole, first); }, product);
}

// sum + products of both halves.
inline IntVec i_add_pairs(IntVec sum, IntVec a, IntVec b) {
  return _mm256_dpwssd_avx_epi32(sum, a, b);
}

// Of the weighted sums of values.
constexpr std::size_t kPairRows = 4;
constexpr std::size_t kPairVectors = 2;

#include "encoder/kernels/integer_attention_body.h"

}  // namespace

const Int8Kernels kInt8KernelsAvxVnni = {kPanelColumns, quantize_rows, multiply, multiply, attention};

}  // namespace orthant
