#pragma once
// Products with 4-bit weights, one table a CPU level: activations are 8-bit codes of a row (quantize_rows of int8_kernels.h with
// limit 127, no offset), weights nibbles with a scale and a zero point for each group of depths. Sums inside a group are exact
// int32 at every level. All functions may be called from any thread.
//
// Identity: sum(a (q - z) s) over a group = s sum(a q) - s z sum(a); the groups' sums of a come with the product.
// Exactness: q is the unsigned operand (0 to 15), so that AVX2 can add eight quads in 16 bits: 16 x 15 x 127 = 30,480.

#include <cstddef>
#include <cstdint>

namespace orthant {

// Groups are multiples of this many depths: a byte holds depths k and k + 4.
inline constexpr std::size_t kInt4GroupStep = 8;

// One panel of weights: c = (sum over groups) * steps + bias.
struct Int4Product {
  std::size_t rows;
  std::size_t depth;  // groups * group_size
  std::size_t group_size;
  std::size_t columns;      // written, at most panel_columns
  const std::int8_t* a;     // rows x depth codes
  const float* group_sums;  // rows x groups: sum of a row's codes in each group
  const float* steps;       // one a row
  const std::uint8_t* b;    // depth / 8 x panel_columns x 4: depth 8 j + t in the low, 8 j + 4 + t in the high nibble of byte t
  const float* scales;      // groups x panel_columns
  const std::uint8_t* zero_points;  // groups x panel_columns
  const float* bias;                // panel_columns
  float* c;                         // rows x columns
  std::size_t c_stride;
};

struct Int4Kernels {
  std::size_t panel_columns;
  void (*multiply)(const Int4Product& product);
};

extern const Int4Kernels kInt4KernelsPortable;
extern const Int4Kernels kInt4KernelsAvx2;
extern const Int4Kernels kInt4KernelsAvx512;

}  // namespace orthant
