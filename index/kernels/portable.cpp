// The reference of every other level: plain loops.

#include "index/kernels/distance_kernels.h"
#include "index/kernels/hamming_rows_body.h"

namespace orthant {
namespace {

void table_sums_block(const std::uint8_t* tables, const std::uint8_t* block, std::size_t code_bytes, std::uint16_t* sums) {
  for (std::size_t row = 0; row < kBlockRows; ++row) sums[row] = 0;
  for (std::size_t byte = 0; byte < code_bytes; ++byte) {
    const std::uint8_t* upper = tables + byte * kTableBytesPerCodeByte;
    const std::uint8_t* lower = upper + 16;
    const std::uint8_t* codes = block + byte * kBlockRows;
    for (std::size_t row = 0; row < kBlockRows; ++row) {
      sums[row] = static_cast<std::uint16_t>(sums[row] + upper[codes[row] >> 4] + lower[codes[row] & 0x0f]);
    }
  }
}

float distance_of(const BlockScan& scan, std::uint16_t sum, std::size_t row) {
  if (scan.scales == nullptr) return static_cast<float>(sum);
  float distance = static_cast<float>(sum) * scan.step;
  distance = distance + scan.base;
  distance = distance * scan.scales[row];
  if (scan.offsets != nullptr) distance = distance + scan.offsets[row];
  return distance;
}

std::size_t scan_blocks(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                        std::uint32_t first_ordinal, Candidate* found) {
  std::size_t count = 0;
  for (std::size_t block = 0; block < block_count; ++block) {
    if (masks[block] == 0) continue;
    std::uint16_t sums[kBlockRows];
    table_sums_block(scan.tables, blocks + block * kBlockRows * scan.code_bytes, scan.code_bytes, sums);
    for (std::size_t row = 0; row < kBlockRows; ++row) {
      const float distance = distance_of(scan, sums[row], block * kBlockRows + row);
      if ((masks[block] >> row & 1) != 0 && distance < scan.bound) {
        found[count++] = {distance, first_ordinal + static_cast<std::uint32_t>(block * kBlockRows + row)};
      }
    }
  }
  return count;
}

std::int32_t dot_i8(const std::int8_t* query, const std::uint8_t* code, std::size_t dim) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < dim; ++i) sum += query[i] * (code[i] - 128);
  return sum;
}

// Four partial sums: a single one would lose more to rounding than the levels that sum in vectors.
float dot_f32(const float* query, const float* row, std::size_t dim) {
  float sums[4] = {0, 0, 0, 0};
  for (std::size_t i = 0; i < dim; ++i) sums[i % 4] += query[i] * row[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

float l2_f32(const float* query, const float* row, std::size_t dim) {
  float sums[4] = {0, 0, 0, 0};
  for (std::size_t i = 0; i < dim; ++i) {
    const float difference = query[i] - row[i];
    sums[i % 4] += difference * difference;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

float l1_f32(const float* query, const float* row, std::size_t dim) {
  float sums[4] = {0, 0, 0, 0};
  for (std::size_t i = 0; i < dim; ++i) {
    const float difference = query[i] - row[i];
    sums[i % 4] += difference < 0 ? -difference : difference;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <auto distance, typename Query, typename Element, typename Out>
void over_rows(const Query* query, const Element* rows, std::size_t dim, std::size_t count, Out* out) {
  for (std::size_t row = 0; row < count; ++row) out[row] = distance(query, rows + row * dim, dim);
}

template <auto distance, typename Query, typename Element, typename Out>
void over_list(const Query* query, const Element* const* rows, std::size_t dim, std::size_t count, Out* out) {
  for (std::size_t row = 0; row < count; ++row) out[row] = distance(query, rows[row], dim);
}

void decode_i8(const std::uint8_t* code, std::size_t dim, float scale, float* out) {
  for (std::size_t i = 0; i < dim; ++i) out[i] = scale * static_cast<float>(code[i] - 128);
}

}  // namespace

extern const DistanceKernels kPortableKernels = {
    .table_sums_block = table_sums_block,
    .scan_blocks = scan_blocks,
    .widen_tables = nullptr,
    .dot_i8_rows = over_rows<dot_i8, std::int8_t, std::uint8_t, std::int32_t>,
    .dot_i8_list = over_list<dot_i8, std::int8_t, std::uint8_t, std::int32_t>,
    .dot_i8_near = over_list<dot_i8, std::int8_t, std::uint8_t, std::int32_t>,
    .dot_f32_rows = over_rows<dot_f32, float, float, float>,
    .dot_f32_list = over_list<dot_f32, float, float, float>,
    .l2_f32_rows = over_rows<l2_f32, float, float, float>,
    .l2_f32_list = over_list<l2_f32, float, float, float>,
    .l1_f32_rows = over_rows<l1_f32, float, float, float>,
    .l1_f32_list = over_list<l1_f32, float, float, float>,
    .hamming_rows = hamming_rows,
    .decode_i8 = decode_i8,
};

}  // namespace orthant
