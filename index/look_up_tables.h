#pragma once
// LookUpTables: what the blocked scan adds up for one query (kernels/distance_kernels.h gives the layout and the limits). The sum S
// of a row stands for step * S + base. Free functions, any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace orthant {

struct LookUpTables {
  std::vector<std::uint8_t> entries;  // kTableBytesPerCodeByte * code_bytes
  float step = 1;
  float base = 0;
  std::size_t largest_sum = 0;  // no sum is larger
};

// step * S + base estimates the sum over dimensions of weights[i], negated where bit i is 0. Entries are rounded to whole steps;
// the step is the smallest that the kernel's limits allow, so that large and many weights cost precision, never overflow.
LookUpTables make_signed_sum_tables(std::span<const float> weights);

// S is the number of bits that differ from `code` (bit i in the order of ubinary). Exact up to 65,535 dimensions; with 65,536 a row
// that differs in the last four dimensions counts three of them.
LookUpTables make_hamming_tables(std::span<const std::uint8_t> code, std::size_t dim);

}  // namespace orthant
