#pragma once
// What the scans of blocks share on all levels with vectors. Included by files that are each compiled for their own level, so that
// everything here has internal linkage: no linker may take one level's copy for another.

#include <cstddef>
#include <cstdint>

#include "index/kernels/distance_kernels.h"

namespace orthant {
namespace {

// The smallest integer that is not below the bound, for comparisons of sums: sum < bound exactly if sum < integer_bound.
inline std::uint32_t integer_bound(float bound) {
  if (!(bound > 0)) return 0;
  if (bound > 65535) return 65536;
  const auto floor = static_cast<std::uint32_t>(bound);
  return floor + (static_cast<float>(floor) < bound ? 1 : 0);
}

// Blocks with rows below the bound, written out together: whether a block has some cannot be predicted, and is not branched on.
struct PendingBlocks {
  static constexpr std::size_t kBlocks = 16;
  // Sums in the order of rows; room for one block more than is counted.
  alignas(64) std::uint16_t sums[kBlocks + 1][kBlockRows];
  std::uint64_t rows[kBlocks + 1];
  std::size_t first_rows[kBlocks + 1];
  std::size_t count = 0;

  std::uint16_t* next() { return sums[count]; }
  void add(std::uint64_t rows_below, std::size_t first_row) {
    rows[count] = rows_below;
    first_rows[count] = first_row;
    count += rows_below != 0 ? 1 : 0;
  }
  bool full() const { return count == kBlocks; }
  // Writes the rows as candidates; distance_of(sum, row).
  template <typename Distance>
  std::size_t flush(std::uint32_t first_ordinal, Candidate* found, const Distance& distance_of) {
    std::size_t written = 0;
    for (std::size_t i = 0; i < count; ++i) {
      for (std::uint64_t left = rows[i]; left != 0; left &= left - 1) {
        const auto lane = static_cast<std::size_t>(__builtin_ctzll(left));
        const std::size_t row = first_rows[i] + lane;
        found[written++] = {distance_of(sums[i][lane], row), first_ordinal + static_cast<std::uint32_t>(row)};
      }
    }
    count = 0;
    return written;
  }
};

}  // namespace
}  // namespace orthant
