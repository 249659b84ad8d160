// Kernels for AVX2, FMA and POPCNT.

#include <immintrin.h>

#include "index/kernels/distance_kernels.h"
#include "index/kernels/hamming_rows_body.h"
#include "index/kernels/pending_blocks.h"
#include "index/kernels/row_loops.h"

namespace orthant {
namespace {

// ---- blocked 1-bit codes ----

// Sums of 64 rows. In `even` and `odd` stand, as 16-bit lanes, the rows 2 i and 2 i + 1 of each half block.
struct BlockSums {
  __m256i even[2];
  __m256i odd[2];
};

// Keeps a value in a register, and the additions in the order written: without it GCC sums all look-ups of a group at its end and
// spills them (1.3 times slower).
#define ORTHANT_HOLD(value) __asm__("" : "+x"(value))

// Sums of `count` code bytes, at most a group, of both half blocks in 8 bits. Inlined with a constant count, the loop is unrolled.
// 14 operations a code byte; 200 cycles a block of 384 dimensions on Zen 4, whose four vector pipes need at least 168.
inline __attribute__((always_inline)) void sum_group(const std::uint8_t* tables, const std::uint8_t* rows, std::size_t count,
                                                     __m256i* groups) {
  const __m256i half_mask = _mm256_set1_epi8(0x0f);
  __m256i high[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  __m256i low[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
#pragma GCC unroll 12
  for (std::size_t byte = 0; byte < count; ++byte) {
    const auto* table = reinterpret_cast<const __m128i*>(tables + byte * kTableBytesPerCodeByte);
    const __m256i upper = _mm256_broadcastsi128_si256(_mm_loadu_si128(table));
    const __m256i lower = _mm256_broadcastsi128_si256(_mm_loadu_si128(table + 1));
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + byte * kBlockRows) + half);
      ORTHANT_HOLD(codes);
      const __m256i high_index = _mm256_and_si256(_mm256_srli_epi16(codes, 4), half_mask);
      const __m256i low_index = _mm256_and_si256(codes, half_mask);
      high[half] = _mm256_add_epi8(high[half], _mm256_shuffle_epi8(upper, high_index));
      low[half] = _mm256_add_epi8(low[half], _mm256_shuffle_epi8(lower, low_index));
      ORTHANT_HOLD(high[half]);
      ORTHANT_HOLD(low[half]);
    }
  }
  for (int half = 0; half < 2; ++half) groups[half] = _mm256_add_epi8(high[half], low[half]);
}

#undef ORTHANT_HOLD

// A group is summed in bytes, then added to 16-bit sums: once to the pairs as they stand (low byte plus 256 times the high byte),
// once to the high bytes alone, so that no byte has to be masked out; the surplus is taken off at the end.
inline __attribute__((always_inline)) void add_group(BlockSums& sums, const std::uint8_t* tables, const std::uint8_t* rows,
                                                     std::size_t count) {
  __m256i groups[2];
  sum_group(tables, rows, count, groups);
  for (int half = 0; half < 2; ++half) {
    sums.even[half] = _mm256_add_epi16(sums.even[half], groups[half]);
    sums.odd[half] = _mm256_add_epi16(sums.odd[half], _mm256_srli_epi16(groups[half], 8));
  }
}

inline __attribute__((always_inline)) BlockSums sum_block(const std::uint8_t* tables, const std::uint8_t* block,
                                                          std::size_t code_bytes) {
  BlockSums sums;
  for (int half = 0; half < 2; ++half) sums.even[half] = sums.odd[half] = _mm256_setzero_si256();
  std::size_t byte = 0;
  for (; byte + kTableGroupBytes <= code_bytes; byte += kTableGroupBytes) {
    add_group(sums, tables + byte * kTableBytesPerCodeByte, block + byte * kBlockRows, kTableGroupBytes);
  }
  if (byte < code_bytes) add_group(sums, tables + byte * kTableBytesPerCodeByte, block + byte * kBlockRows, code_bytes - byte);
  for (int half = 0; half < 2; ++half) {
    sums.even[half] = _mm256_sub_epi16(sums.even[half], _mm256_slli_epi16(sums.odd[half], 8));
  }
  return sums;
}

void store_sums(const BlockSums& sums, std::uint16_t* out) {
  for (int half = 0; half < 2; ++half) {
    const __m256i low = _mm256_unpacklo_epi16(sums.even[half], sums.odd[half]);
    const __m256i high = _mm256_unpackhi_epi16(sums.even[half], sums.odd[half]);
    auto* target = reinterpret_cast<__m256i*>(out + half * 32);
    _mm256_storeu_si256(target, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(target + 1, _mm256_permute2x128_si256(low, high, 0x31));
  }
}

void table_sums_block(const std::uint8_t* tables, const std::uint8_t* block, std::size_t code_bytes, std::uint16_t* sums) {
  store_sums(sum_block(tables, block, code_bytes), sums);
}

// Bit r: the sum of row r of a half block is below the bound. The low bytes of the lanes of even rows and the high bytes of those
// of odd rows together stand in the order of rows.
std::uint64_t rows_below(__m256i even, __m256i odd, __m256i bounds) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i even_above = _mm256_cmpeq_epi16(_mm256_subs_epu16(bounds, even), zero);
  const __m256i odd_above = _mm256_cmpeq_epi16(_mm256_subs_epu16(bounds, odd), zero);
  const __m256i above = _mm256_blendv_epi8(even_above, odd_above, _mm256_set1_epi16(static_cast<short>(0xff00)));
  return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(above));
}

std::size_t scan_sums(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                      std::uint32_t first_ordinal, Candidate* found) {
  const std::uint32_t bound = integer_bound(scan.bound);
  const bool all_pass = bound > 65535;
  const __m256i bounds = _mm256_set1_epi16(static_cast<short>(all_pass ? 65535 : bound));
  PendingBlocks pending;
  const auto distance_of = [](std::uint16_t sum, std::size_t) { return static_cast<float>(sum); };
  std::size_t count = 0;
  for (std::size_t block = 0; block < block_count; ++block) {
    if (masks[block] == 0) continue;
    const BlockSums sums = sum_block(scan.tables, blocks + block * kBlockRows * scan.code_bytes, scan.code_bytes);
    std::uint64_t rows = rows_below(sums.even[0], sums.odd[0], bounds) | rows_below(sums.even[1], sums.odd[1], bounds) << 32;
    if (all_pass) rows = ~std::uint64_t{0};
    store_sums(sums, pending.next());
    pending.add(rows & masks[block], block * kBlockRows);
    if (pending.full()) count += pending.flush(first_ordinal, found + count, distance_of);
  }
  return count + pending.flush(first_ordinal, found + count, distance_of);
}

__m256 scaled_distance(const BlockScan& scan, const std::uint16_t* sums, std::size_t first_row) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sums)));
  __m256 distance = _mm256_mul_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(scan.step));
  distance = _mm256_add_ps(distance, _mm256_set1_ps(scan.base));
  distance = _mm256_mul_ps(distance, _mm256_loadu_ps(scan.scales + first_row));
  if (scan.offsets != nullptr) distance = _mm256_add_ps(distance, _mm256_loadu_ps(scan.offsets + first_row));
  return distance;
}

std::size_t scan_scaled(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                        std::uint32_t first_ordinal, Candidate* found) {
  const __m256 bound = _mm256_set1_ps(scan.bound);
  PendingBlocks pending;
  const auto distance_of = [&scan](std::uint16_t sum, std::size_t row) {
    float distance = static_cast<float>(sum) * scan.step;
    distance = distance + scan.base;
    distance = distance * scan.scales[row];
    return scan.offsets == nullptr ? distance : distance + scan.offsets[row];
  };
  std::size_t count = 0;
  for (std::size_t block = 0; block < block_count; ++block) {
    if (masks[block] == 0) continue;
    std::uint16_t* sums = pending.next();
    store_sums(sum_block(scan.tables, blocks + block * kBlockRows * scan.code_bytes, scan.code_bytes), sums);
    std::uint64_t rows = 0;
    for (std::size_t row = 0; row < kBlockRows; row += 8) {
      const __m256 distance = scaled_distance(scan, sums + row, block * kBlockRows + row);
      const int below = _mm256_movemask_ps(_mm256_cmp_ps(distance, bound, _CMP_LT_OQ));
      rows |= static_cast<std::uint64_t>(static_cast<unsigned>(below)) << row;
    }
    pending.add(rows & masks[block], block * kBlockRows);
    if (pending.full()) count += pending.flush(first_ordinal, found + count, distance_of);
  }
  return count + pending.flush(first_ordinal, found + count, distance_of);
}

std::size_t scan_blocks(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                        std::uint32_t first_ordinal, Candidate* found) {
  const auto run = scan.scales == nullptr ? scan_sums : scan_scaled;
  return run(scan, blocks, masks, block_count, first_ordinal, found);
}

// ---- int8 ----

std::int32_t add_lanes(__m256i sums) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
}

// 16 values of the query against 16 stored ones, in 16 bits: products of pairs fit 32 bits, nothing saturates.
__m256i dot_step(__m256i query, const std::uint8_t* code) {
  const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(code)));
  return _mm256_madd_epi16(query, _mm256_sub_epi16(wide, _mm256_set1_epi16(128)));
}

std::int32_t dot_i8_rest(const std::int8_t* query, const std::uint8_t* code, std::size_t first, std::size_t dim) {
  std::int32_t sum = 0;
  for (std::size_t i = first; i < dim; ++i) sum += query[i] * (code[i] - 128);
  return sum;
}

template <int kRows>
void dot_i8_group(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::int32_t* out) {
  __m256i sums[kRows];
  for (int row = 0; row < kRows; ++row) sums[row] = _mm256_setzero_si256();
  std::size_t i = 0;
  for (; i + 16 <= dim; i += 16) {
    const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(query + i)));
    for (int row = 0; row < kRows; ++row) sums[row] = _mm256_add_epi32(sums[row], dot_step(wide, rows[row] + i));
  }
  for (int row = 0; row < kRows; ++row) out[row] = add_lanes(sums[row]) + dot_i8_rest(query, rows[row], i, dim);
}

// ---- float ----

float add_lanes(__m256 sums) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  half = _mm_add_ss(half, _mm_movehdup_ps(half));
  return _mm_cvtss_f32(half);
}

__m256i first_lanes(std::size_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
}

struct Dot {
  static __m256 add(__m256 sum, __m256 query, __m256 row) { return _mm256_fmadd_ps(query, row, sum); }
};
struct L2 {
  static __m256 add(__m256 sum, __m256 query, __m256 row) {
    const __m256 difference = _mm256_sub_ps(query, row);
    return _mm256_fmadd_ps(difference, difference, sum);
  }
};
struct L1 {
  static __m256 add(__m256 sum, __m256 query, __m256 row) {
    return _mm256_add_ps(sum, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(query, row)));
  }
};

template <typename Distance, int kRows>
void f32_group(const float* query, const float* const* rows, std::size_t dim, float* out) {
  __m256 sums[kRows];
  for (int row = 0; row < kRows; ++row) sums[row] = _mm256_setzero_ps();
  std::size_t i = 0;
  for (; i + 8 <= dim; i += 8) {
    const __m256 values = _mm256_loadu_ps(query + i);
    for (int row = 0; row < kRows; ++row) sums[row] = Distance::add(sums[row], values, _mm256_loadu_ps(rows[row] + i));
  }
  if (i < dim) {
    const __m256i lanes = first_lanes(dim - i);
    const __m256 values = _mm256_maskload_ps(query + i, lanes);
    for (int row = 0; row < kRows; ++row) sums[row] = Distance::add(sums[row], values, _mm256_maskload_ps(rows[row] + i, lanes));
  }
  for (int row = 0; row < kRows; ++row) out[row] = add_lanes(sums[row]);
}

// ---- rows and lists ----

void dot_i8_near(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::size_t count, std::int32_t* out) {
  std::size_t row = 0;
  for (; row + kGroup <= count; row += kGroup) dot_i8_group<kGroup>(query, rows + row, dim, out + row);
  for (; row < count; ++row) dot_i8_group<1>(query, rows + row, dim, out + row);
}

void decode_i8(const std::uint8_t* code, std::size_t dim, float scale, float* out) {
  const __m256 scales = _mm256_set1_ps(scale);
  std::size_t i = 0;
  for (; i + 8 <= dim; i += 8) {
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(code + i)));
    const __m256 values = _mm256_cvtepi32_ps(_mm256_sub_epi32(wide, _mm256_set1_epi32(128)));
    _mm256_storeu_ps(out + i, _mm256_mul_ps(scales, values));
  }
  for (; i < dim; ++i) out[i] = scale * static_cast<float>(code[i] - 128);
}

}  // namespace

extern const DistanceKernels kAvx2Kernels = {
    .table_sums_block = table_sums_block,
    .scan_blocks = scan_blocks,
    .widen_tables = nullptr,
    .dot_i8_rows = over_rows<dot_i8_group<kGroup>, dot_i8_group<1>, std::int8_t, std::uint8_t, std::int32_t>,
    .dot_i8_list = over_list<dot_i8_group<kGroup>, dot_i8_group<1>, std::int8_t, std::uint8_t, std::int32_t>,
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
