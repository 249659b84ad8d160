// int8 dot products for CPUs that have VNNI without AVX-512. The rest of this level is AVX2's.

#include <immintrin.h>

#include "index/kernels/distance_kernels.h"

namespace orthant {
namespace {

std::int32_t add_lanes(__m256i sums) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
}

// 128 times the sum of the query's first `dim` values: what the stored offset adds to every row's product.
std::int32_t offset_share(const std::int8_t* query, std::size_t dim) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < dim; ++i) sum += query[i];
  return sum * 128;
}

std::int32_t dot_i8(const std::int8_t* query, const std::uint8_t* code, std::size_t dim) {
  __m256i sums = _mm256_setzero_si256();
  std::size_t i = 0;
  for (; i + 32 <= dim; i += 32) {
    const __m256i stored = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(code + i));
    const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(query + i));
    sums = _mm256_dpbusd_avx_epi32(sums, stored, values);
  }
  std::int32_t rest = 0;
  for (; i < dim; ++i) rest += query[i] * code[i];
  return add_lanes(sums) + rest;
}

void dot_i8_rows(const std::int8_t* query, const std::uint8_t* rows, std::size_t dim, std::size_t count, std::int32_t* out) {
  const std::int32_t share = offset_share(query, dim);
  for (std::size_t row = 0; row < count; ++row) out[row] = dot_i8(query, rows + row * dim, dim) - share;
}

void dot_i8_list(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::size_t count, std::int32_t* out) {
  constexpr std::size_t kPrefetchRows = 8;
  const std::int32_t share = offset_share(query, dim);
  for (std::size_t row = 0; row < count; ++row) {
    const std::uint8_t* ahead = rows[row + kPrefetchRows < count ? row + kPrefetchRows : count - 1];
    for (std::size_t offset = 0; offset < dim; offset += 64) _mm_prefetch(ahead + offset, _MM_HINT_T0);
    out[row] = dot_i8(query, rows[row], dim) - share;
  }
}

void dot_i8_near(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::size_t count, std::int32_t* out) {
  const std::int32_t share = offset_share(query, dim);
  for (std::size_t row = 0; row < count; ++row) out[row] = dot_i8(query, rows[row], dim) - share;
}

}  // namespace

extern const DistanceKernels kAvxVnniKernels = {
    .table_sums_block = nullptr,
    .scan_blocks = nullptr,
    .widen_tables = nullptr,
    .dot_i8_rows = dot_i8_rows,
    .dot_i8_list = dot_i8_list,
    .dot_i8_near = dot_i8_near,
    .dot_f32_rows = nullptr,
    .dot_f32_list = nullptr,
    .l2_f32_rows = nullptr,
    .l2_f32_list = nullptr,
    .l1_f32_rows = nullptr,
    .l1_f32_list = nullptr,
    .hamming_rows = nullptr,
    .decode_i8 = nullptr,
};

}  // namespace orthant
