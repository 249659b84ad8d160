// Kernels for AVX-512 F, BW, DQ, VL, VNNI and VPOPCNTDQ.

#include <immintrin.h>

#include "index/kernels/distance_kernels.h"

namespace orthant {
namespace {

// ---- blocked 1-bit codes ----

// Sums of 64 rows as 16-bit lanes: rows 2 i and rows 2 i + 1.
struct BlockSums {
  __m512i even;
  __m512i odd;
};

__m512i load_table(const std::uint8_t* table) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
}

// Sums of `count` code bytes, at most a group, of all rows in 8 bits. Inlined with a constant count, the loop is unrolled.
inline __attribute__((always_inline)) __m512i sum_group(const std::uint8_t* tables, const std::uint8_t* rows, std::size_t count) {
  const __m512i half_mask = _mm512_set1_epi8(0x0f);
  __m512i high_sum = _mm512_setzero_si512();
  __m512i low_sum = _mm512_setzero_si512();
#pragma GCC unroll 8
  for (std::size_t byte = 0; byte < count; ++byte) {
    const std::uint8_t* table = tables + byte * kTableBytesPerCodeByte;
    const __m512i codes = _mm512_loadu_si512(rows + byte * kBlockRows);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(codes, 4), half_mask);
    const __m512i low = _mm512_and_si512(codes, half_mask);
    high_sum = _mm512_add_epi8(high_sum, _mm512_shuffle_epi8(load_table(table), high));
    low_sum = _mm512_add_epi8(low_sum, _mm512_shuffle_epi8(load_table(table + 16), low));
  }
  return _mm512_add_epi8(high_sum, low_sum);
}

// As in avx2.cpp: groups in bytes, then pairs of rows in 16 bits with the surplus of the odd rows taken off at the end.
void add_group(BlockSums& sums, __m512i group) {
  sums.even = _mm512_add_epi16(sums.even, group);
  sums.odd = _mm512_add_epi16(sums.odd, _mm512_srli_epi16(group, 8));
}

BlockSums sum_block(const std::uint8_t* tables, const std::uint8_t* block, std::size_t code_bytes) {
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

void store_sums(const BlockSums& sums, std::uint16_t* out) {
  const __m512i low = _mm512_unpacklo_epi16(sums.even, sums.odd);
  const __m512i high = _mm512_unpackhi_epi16(sums.even, sums.odd);
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  _mm512_storeu_si512(out, _mm512_permutex2var_epi64(low, first, high));
  _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi64(low, second, high));
}

void table_sums_block(const std::uint8_t* tables, const std::uint8_t* block, std::size_t code_bytes, std::uint16_t* sums) {
  store_sums(sum_block(tables, block, code_bytes), sums);
}

// The smallest integer that is not below the bound: sum < bound exactly if sum < integer_bound.
std::uint32_t integer_bound(float bound) {
  if (!(bound > 0)) return 0;
  if (bound > 65535) return 65536;
  const auto floor = static_cast<std::uint32_t>(bound);
  return floor + (static_cast<float>(floor) < bound ? 1 : 0);
}

template <typename Value>
std::size_t emit(std::uint64_t rows, const Value* distances, std::uint32_t first_ordinal, Candidate* found) {
  std::size_t count = 0;
  for (; rows != 0; rows &= rows - 1) {
    const auto row = static_cast<std::uint32_t>(__builtin_ctzll(rows));
    found[count++] = {static_cast<float>(distances[row]), first_ordinal + row};
  }
  return count;
}

std::size_t scan_sums(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                      std::uint32_t first_ordinal, Candidate* found) {
  const std::uint32_t bound = integer_bound(scan.bound);
  if (bound == 0) return 0;
  const __m512i last = _mm512_set1_epi16(static_cast<short>(bound - 1));
  std::size_t count = 0;
  for (std::size_t block = 0; block < block_count; ++block) {
    if (masks[block] == 0) continue;
    const BlockSums sums = sum_block(scan.tables, blocks + block * kBlockRows * scan.code_bytes, scan.code_bytes);
    const __mmask32 even = _mm512_cmple_epu16_mask(sums.even, last);
    const __mmask32 odd = _mm512_cmple_epu16_mask(sums.odd, last);
    if ((even | odd) == 0) continue;
    const std::uint64_t rows = _pdep_u64(even, 0x5555555555555555) | _pdep_u64(odd, 0xaaaaaaaaaaaaaaaa);
    alignas(64) std::uint16_t values[kBlockRows];
    store_sums(sums, values);
    count += emit(rows & masks[block], values, first_ordinal + static_cast<std::uint32_t>(block * kBlockRows), found + count);
  }
  return count;
}

__m512 scaled_distance(const BlockScan& scan, const std::uint16_t* sums, std::size_t first_row) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)));
  __m512 distance = _mm512_mul_ps(_mm512_cvtepi32_ps(wide), _mm512_set1_ps(scan.step));
  distance = _mm512_add_ps(distance, _mm512_set1_ps(scan.base));
  distance = _mm512_mul_ps(distance, _mm512_loadu_ps(scan.scales + first_row));
  if (scan.offsets != nullptr) distance = _mm512_add_ps(distance, _mm512_loadu_ps(scan.offsets + first_row));
  return distance;
}

std::size_t scan_scaled(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                        std::uint32_t first_ordinal, Candidate* found) {
  const __m512 bound = _mm512_set1_ps(scan.bound);
  std::size_t count = 0;
  for (std::size_t block = 0; block < block_count; ++block) {
    if (masks[block] == 0) continue;
    alignas(64) std::uint16_t sums[kBlockRows];
    alignas(64) float distances[kBlockRows];
    store_sums(sum_block(scan.tables, blocks + block * kBlockRows * scan.code_bytes, scan.code_bytes), sums);
    std::uint64_t rows = 0;
    for (std::size_t row = 0; row < kBlockRows; row += 16) {
      const __m512 distance = scaled_distance(scan, sums + row, block * kBlockRows + row);
      _mm512_store_ps(distances + row, distance);
      rows |= std::uint64_t{_mm512_cmp_ps_mask(distance, bound, _CMP_LT_OQ)} << row;
    }
    count += emit(rows & masks[block], distances, first_ordinal + static_cast<std::uint32_t>(block * kBlockRows), found + count);
  }
  return count;
}

std::size_t scan_blocks(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                        std::uint32_t first_ordinal, Candidate* found) {
  const auto run = scan.scales == nullptr ? scan_sums : scan_scaled;
  return run(scan, blocks, masks, block_count, first_ordinal, found);
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
  for (int row = 0; row < kRows; ++row) out[row] = _mm512_reduce_add_epi32(sums[row]);
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

void prefetch_row(const void* row, std::size_t bytes) {
  for (std::size_t offset = 0; offset < bytes; offset += 64) {
    _mm_prefetch(static_cast<const char*>(row) + offset, _MM_HINT_T0);
  }
}

constexpr int kGroup = 4;
constexpr std::size_t kPrefetchRows = 8;

template <auto group, auto single, typename Query, typename Element, typename Out>
void over_rows(const Query* query, const Element* rows, std::size_t dim, std::size_t count, Out* out) {
  std::size_t row = 0;
  for (; row + kGroup <= count; row += kGroup) {
    const Element* pointers[kGroup];
    for (int i = 0; i < kGroup; ++i) pointers[i] = rows + (row + static_cast<std::size_t>(i)) * dim;
    group(query, pointers, dim, out + row);
  }
  for (; row < count; ++row) {
    const Element* pointer = rows + row * dim;
    single(query, &pointer, dim, out + row);
  }
}

template <auto group, auto single, typename Query, typename Element, typename Out>
void over_list(const Query* query, const Element* const* rows, std::size_t dim, std::size_t count, Out* out) {
  for (std::size_t row = 0; row < count && row < kPrefetchRows; ++row) prefetch_row(rows[row], dim * sizeof(Element));
  std::size_t row = 0;
  for (; row + kGroup <= count; row += kGroup) {
    for (std::size_t ahead = row + kPrefetchRows; ahead < row + kPrefetchRows + kGroup && ahead < count; ++ahead) {
      prefetch_row(rows[ahead], dim * sizeof(Element));
    }
    group(query, rows + row, dim, out + row);
  }
  for (; row < count; ++row) single(query, rows + row, dim, out + row);
}

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
    .dot_i8_rows = dot_i8_rows,
    .dot_i8_list = dot_i8_list,
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
