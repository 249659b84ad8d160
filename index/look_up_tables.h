#pragma once
// LookUpTables: what the blocked scan adds up for one query (kernels/distance_kernels.h gives the layout and the limits). The sum S
// of a row stands for step * S + base. Free functions, any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_array.h"

namespace orthant {

struct LookUpTables {
  std::vector<std::uint8_t> entries;  // kTableBytesPerCodeByte * code_bytes
  float step = 1;
  float base = 0;
  std::size_t largest_sum = 0;      // no sum is larger
  AlignedArray<std::uint8_t> wide;  // the same as wide tables where this CPU's kernels use them, else empty
};

// step * S + base estimates the sum over dimensions of weights[i], negated where bit i is 0. Each weight is rounded to whole steps
// (one rounding a dimension keeps the entries additive); the step is about the smallest that the kernel's limits allow, so that
// large and many weights cost precision, never overflow. Weights of 384 normally distributed values become 0 to 15, 2.4 in the
// mean; that costs less than 0.001 of the recall of the nearest 100.
LookUpTables make_signed_sum_tables(std::span<const float> weights);

// S is the number of bits that differ from `code` (bit i in the order of ubinary). Exact up to 65,535 dimensions; of 65,536 the
// last does not count. `counted`: bits that take part, as a code of the same length; empty: all.
LookUpTables make_hamming_tables(std::span<const std::uint8_t> code, std::size_t dim, std::span<const std::uint8_t> counted = {});

}  // namespace orthant
