#pragma once
// DistanceKernels: the inner loops of a search, one table of function pointers a CPU level. The shape is one query against many
// rows, so a call is paid per run of rows. Functions are pure and may be called from any thread. Integer results, and what is
// computed from them by kernels here, are equal on all levels; float sums differ between levels by rounding only (relative to the
// sum of absolute terms: at most dim * 2^-23, in practice far less).
//
// This header is included by files compiled for one level: it may include integer headers only.
//
// Blocked 1-bit codes. 64 rows form a block of 64 * code_bytes bytes, transposed by bytes: byte j of row r stands at j * 64 + r, so
// one 64-byte vector holds byte j of all rows. A table holds 16 entries for the upper half of each code byte (its first four
// dimensions) followed by 16 for the lower half: 32 * code_bytes bytes. The sum of a row is the sum of the entries that its
// halves select. Hamming distance is the case whose entries are popcounts of (half XOR query half).
// Limits that the tables must keep: within each group of kTableGroupBytes consecutive code bytes (from byte 0 on) the largest
// entries of the halves add up to at most 255, because a group is summed in 8 bits; over the whole code to at most 65,535.
//
// Wide tables, for CPUs that look up 64 bytes at once: for each three code bytes a, b, c four tables of 64 entries, which six bits
// select: bits 0 to 5 of a, of b, of c, and the bits 6 and 7 of a, b and c (those of a lowest). So three bytes take four look-ups
// instead of six. Sums are equal to those of the plain tables if entries are additive, which the tables must be too: a half's entry
// is its entry for no bits plus a signed share of each bit that is set. Code bytes past the last three are looked up plainly.

#include <cstddef>
#include <cstdint>

namespace orthant {

inline constexpr std::size_t kBlockRows = 64;
inline constexpr std::size_t kTableGroupBytes = 12;
inline constexpr std::size_t kTableBytesPerCodeByte = 32;
inline constexpr std::size_t kWideCodeBytes = 3;  // divides a group
inline constexpr std::size_t kWideTableBytes = 256;

constexpr std::size_t wide_table_bytes(std::size_t code_bytes) {
  return code_bytes / kWideCodeBytes * kWideTableBytes;
}

// A row that may be among the nearest. Lower distance is nearer.
struct Candidate {
  float distance;
  std::uint32_t ordinal;
};

// What scan_blocks looks for. With `scales` null, the distance of a row is its sum. Otherwise it is
// scales[row] * (sum * step + base), plus offsets[row] unless `offsets` is null, each operation rounded by itself.
struct BlockScan {
  const std::uint8_t* tables;
  std::size_t code_bytes;
  float bound;  // rows with a distance below it are handed on
  float step;
  float base;
  const float* scales;   // one a row of the blocks, or null
  const float* offsets;  // one a row of the blocks, or null
  // Of the same query, or null; levels that have no use for them ignore them, the others are faster with them.
  const std::uint8_t* wide_tables = nullptr;
};

struct DistanceKernels {
  // The sums of the 64 rows of one block.
  void (*table_sums_block)(const std::uint8_t* tables, const std::uint8_t* block, std::size_t code_bytes, std::uint16_t* sums);

  // Writes the rows below the bound to `found` in ascending order, as ordinals first_ordinal + row, and returns their number.
  // Bit r of masks[b] says whether row r of block b takes part. `found` has room for 64 * block_count candidates.
  std::size_t (*scan_blocks)(const BlockScan& scan, const std::uint8_t* blocks, const std::uint64_t* masks, std::size_t block_count,
                             std::uint32_t first_ordinal, Candidate* found);

  // Writes wide_table_bytes(code_bytes). Null on levels that do not use them: no lower level's serves.
  void (*widen_tables)(const std::uint8_t* tables, std::size_t code_bytes, std::uint8_t* wide_tables);

  // int8 codes are stored offset by 128 as u8; results are dot products of the signed values with `query`: exact in 32 bits up to
  // 65,536 dimensions. `_rows`: count rows of dim bytes, one after another. `_list`: rows wherever the pointers say.
  void (*dot_i8_rows)(const std::int8_t* query, const std::uint8_t* rows, std::size_t dim, std::size_t count, std::int32_t* out);
  void (*dot_i8_list)(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::size_t count,
                      std::int32_t* out);
  // As _list, for rows that are in the caches: fetches nothing ahead.
  void (*dot_i8_near)(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t dim, std::size_t count,
                      std::int32_t* out);

  // Dot product, squared Euclidean distance and Manhattan distance of float rows.
  void (*dot_f32_rows)(const float* query, const float* rows, std::size_t dim, std::size_t count, float* out);
  void (*dot_f32_list)(const float* query, const float* const* rows, std::size_t dim, std::size_t count, float* out);
  void (*l2_f32_rows)(const float* query, const float* rows, std::size_t dim, std::size_t count, float* out);
  void (*l2_f32_list)(const float* query, const float* const* rows, std::size_t dim, std::size_t count, float* out);
  void (*l1_f32_rows)(const float* query, const float* rows, std::size_t dim, std::size_t count, float* out);
  void (*l1_f32_list)(const float* query, const float* const* rows, std::size_t dim, std::size_t count, float* out);

  // Differing bits between row-major codes.
  void (*hamming_rows)(const std::uint8_t* query, const std::uint8_t* rows, std::size_t code_bytes, std::size_t count,
                       std::uint32_t* out);

  // out[i] = scale * (code[i] - 128).
  void (*decode_i8)(const std::uint8_t* code, std::size_t dim, float scale, float* out);
};

// One table a level, in the file of that level. A null entry means that the next lower level serves.
extern const DistanceKernels kPortableKernels;
extern const DistanceKernels kAvx2Kernels;
extern const DistanceKernels kAvxVnniKernels;
extern const DistanceKernels kAvx512Kernels;
extern const DistanceKernels kAvx512VbmiKernels;  // over kAvx512Kernels, where cpu_permutes_bytes()

}  // namespace orthant
