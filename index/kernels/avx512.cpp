// Kernels for AVX-512 F, BW, DQ, VL, VNNI and VPOPCNTDQ.

#include <immintrin.h>

#include "index/kernels/avx512_blocks.h"
#include "index/kernels/distance_kernels.h"
#include "index/kernels/row_loops.h"

namespace orthant {
namespace {

// ---- blocked 1-bit codes ----

inline __attribute__((always_inline)) BlockSums sum_block(const std::uint8_t* tables, const std::uint8_t* block,
                                                          std::size_t code_bytes) {
  BlockSums sums = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  std::size_t byte = 0;
  for (; byte + kTableGroupBytes <= code_bytes; byte += kTableGroupBytes) {
    add_group(sums, sum_group(tables + byte * kTableBytesPerCodeByte, block + byte * kBlockRows, kTableGroupBytes));
  }
  if (byte < code_bytes) {
    add_group(sums, sum_group(tables + byte * kTableBytesPerCodeByte, block + byte * kBlockRows, code_bytes - byte));
  }
  sums.even = _mm512_sub_epi16(sums.even, _mm512_slli_epi16(sums.odd, 8));
  return sums;
}

void table_sums_block(const std::uint8_t* tables, const std::uint8_t* block, std::size_t code_bytes, std::uint16_t* sums) {
  store_sums(sum_block(tables, block, code_bytes), sums);
}

std::size_t scan_blocks(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                        std::uint32_t first_ordinal, Candidate* found) {
  return scan_with(scan, blocks, masks, block_count, first_ordinal, found,
                   [&](const std::uint8_t* block) { return sum_block(scan.tables, block, scan.code_bytes); });
}

// ---- int8 ----

__mmask64 first_bytes(std::size_t count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

// 128 times the sum of the query's values: what the stored offset adds to every row's product.
std::int32_t offset_share(const std::int8_t* query, std::size_t dim) {
  __m512i sums = _mm512_setzero_si512();
  for (std::size_t i = 0; i < dim; i += 64) {
    const __m512i values = _mm512_maskz_loadu_epi8(first_bytes(dim - i), query + i);
    sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), values);
  }
  return _mm512_reduce_add_epi32(sums) * 128;
}

// The lanes of four vectors added up.
inline __attribute__((always_inline)) __m128i add_lanes(const __m512i* sums) {
  const __m512i first = _mm512_add_epi32(_mm512_unpacklo_epi32(sums[0], sums[1]), _mm512_unpackhi_epi32(sums[0], sums[1]));
  const __m512i second = _mm512_add_epi32(_mm512_unpacklo_epi32(sums[2], sums[3]), _mm512_unpackhi_epi32(sums[2], sums[3]));
  const __m512i four = _mm512_add_epi32(_mm512_unpacklo_epi64(first, second), _mm512_unpackhi_epi64(first, second));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(four), _mm512_extracti64x4_epi64(four, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// u8 x s8 products are summed in 32 bits by VPDPBUSD, which does not saturate.
template <int kRows>
void dot_i8_group(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::int32_t* out) {
  __m512i sums[kRows];
  for (int row = 0; row < kRows; ++row) sums[row] = _mm512_setzero_si512();
  std::size_t i = 0;
  for (; i + 64 <= dim; i += 64) {
    const __m512i values = _mm512_loadu_si512(query + i);
    for (int row = 0; row < kRows; ++row) sums[row] = _mm512_dpbusd_epi32(sums[row], _mm512_loadu_si512(rows[row] + i), values);
  }
  if (i < dim) {
    const __mmask64 bytes = first_bytes(dim - i);
    const __m512i values = _mm512_maskz_loadu_epi8(bytes, query + i);
    for (int row = 0; row < kRows; ++row) {
      sums[row] = _mm512_dpbusd_epi32(sums[row], _mm512_maskz_loadu_epi8(bytes, rows[row] + i), values);
    }
  }
  if constexpr (kRows % 4 == 0) {
    for (int row = 0; row < kRows; row += 4) _mm_storeu_si128(reinterpret_cast<__m128i*>(out + row), add_lanes(sums + row));
  } else {
    for (int row = 0; row < kRows; ++row) out[row] = _mm512_reduce_add_epi32(sums[row]);
  }
}

// ---- float ----

__mmask16 first_lanes(std::size_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : (1u << count) - 1);
}

struct Dot {
  static __m512 add(__m512 sum, __m512 query, __m512 row) { return _mm512_fmadd_ps(query, row, sum); }
};
struct L2 {
  static __m512 add(__m512 sum, __m512 query, __m512 row) {
    const __m512 difference = _mm512_sub_ps(query, row);
    return _mm512_fmadd_ps(difference, difference, sum);
  }
};
struct L1 {
  static __m512 add(__m512 sum, __m512 query, __m512 row) { return _mm512_add_ps(sum, _mm512_abs_ps(_mm512_sub_ps(query, row))); }
};

template <typename Distance, int kRows>
void f32_group(const float* query, const float* const* rows, std::size_t dim, float* out) {
  __m512 sums[kRows];
  for (int row = 0; row < kRows; ++row) sums[row] = _mm512_setzero_ps();
  std::size_t i = 0;
  for (; i + 16 <= dim; i += 16) {
    const __m512 values = _mm512_loadu_ps(query + i);
    for (int row = 0; row < kRows; ++row) sums[row] = Distance::add(sums[row], values, _mm512_loadu_ps(rows[row] + i));
  }
  if (i < dim) {
    const __mmask16 lanes = first_lanes(dim - i);
    const __m512 values = _mm512_maskz_loadu_ps(lanes, query + i);
    for (int row = 0; row < kRows; ++row) {
      sums[row] = Distance::add(sums[row], values, _mm512_maskz_loadu_ps(lanes, rows[row] + i));
    }
  }
  for (int row = 0; row < kRows; ++row) out[row] = _mm512_reduce_add_ps(sums[row]);
}

// ---- rows and lists ----

void dot_i8_rows(const std::int8_t* query, const std::uint8_t* rows, std::size_t dim, std::size_t count, std::int32_t* out) {
  over_rows<dot_i8_group<kGroup>, dot_i8_group<1>>(query, rows, dim, count, out);
  const std::int32_t share = offset_share(query, dim);
  for (std::size_t row = 0; row < count; ++row) out[row] -= share;
}

void dot_i8_list(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::size_t count, std::int32_t* out) {
  over_list<dot_i8_group<kGroup>, dot_i8_group<1>>(query, rows, dim, count, out);
  const std::int32_t share = offset_share(query, dim);
  for (std::size_t row = 0; row < count; ++row) out[row] -= share;
}

void dot_i8_near(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::size_t count, std::int32_t* out) {
  constexpr std::size_t kNearGroup = 8;
  std::size_t row = 0;
  for (; row + kNearGroup <= count; row += kNearGroup) dot_i8_group<kNearGroup>(query, rows + row, dim, out + row);
  for (; row + kGroup <= count; row += kGroup) dot_i8_group<kGroup>(query, rows + row, dim, out + row);
  for (; row < count; ++row) dot_i8_group<1>(query, rows + row, dim, out + row);
  const std::int32_t share = offset_share(query, dim);
  for (row = 0; row < count; ++row) out[row] -= share;
}

void hamming_rows(const std::uint8_t* query, const std::uint8_t* rows, std::size_t code_bytes, std::size_t count,
                  std::uint32_t* out) {
  for (std::size_t row = 0; row < count; ++row) {
    const std::uint8_t* code = rows + row * code_bytes;
    __m512i sums = _mm512_setzero_si512();
    for (std::size_t byte = 0; byte < code_bytes; byte += 64) {
      const __mmask64 bytes = first_bytes(code_bytes - byte);
      const __m512i differing =
          _mm512_xor_si512(_mm512_maskz_loadu_epi8(bytes, query + byte), _mm512_maskz_loadu_epi8(bytes, code + byte));
      sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(differing));
    }
    out[row] = static_cast<std::uint32_t>(_mm512_reduce_add_epi64(sums));
  }
}

void decode_i8(const std::uint8_t* code, std::size_t dim, float scale, float* out) {
  const __m512 scales = _mm512_set1_ps(scale);
  std::size_t i = 0;
  for (; i + 16 <= dim; i += 16) {
    const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(code + i)));
    const __m512 values = _mm512_cvtepi32_ps(_mm512_sub_epi32(wide, _mm512_set1_epi32(128)));
    _mm512_storeu_ps(out + i, _mm512_mul_ps(scales, values));
  }
  for (; i < dim; ++i) out[i] = scale * static_cast<float>(code[i] - 128);
}

}  // namespace

extern const DistanceKernels kAvx512Kernels = {
    .table_sums_block = table_sums_block,
    .scan_blocks = scan_blocks,
    .widen_tables = nullptr,
    .dot_i8_rows = dot_i8_rows,
    .dot_i8_list = dot_i8_list,
    .dot_i8_near = dot_i8_near,
    .dot_f32_rows = over_rows<f32_group<Dot, kGroup>, f32_group<Dot, 1>, float, float, float>,
    .dot_f32_list = over_list<f32_group<Dot, kGroup>, f32_group<Dot, 1>, float, float, float>,
    .l2_f32_rows = over_rows<f32_group<L2, kGroup>, f32_group<L2, 1>, float, float, float>,
    .l2_f32_list = over_list<f32_group<L2, kGroup>, f32_group<L2, 1>, float, float, float>,
    .l1_f32_rows = over_rows<f32_group<L1, kGroup>, f32_group<L1, 1>, float, float, float>,
    .l1_f32_list = over_list<f32_group<L1, kGroup>, f32_group<L1, 1>, float, float, float>,
    .hamming_rows = hamming_rows,
    .decode_i8 = decode_i8,
};

}  // namespace orthant
