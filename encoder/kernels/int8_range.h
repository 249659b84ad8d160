#pragma once
// Which int8 codes the fast integer kernels sum exactly. AVX2 multiplies unsigned activations (1 to 127) by signed weight codes in
// pairs and adds two such pair sums in 16 bits before it widens: four products. That cannot overflow when, among the four inputs of
// each such set, the positive codes sum to at most 258 and the negative ones to at least -258 (127 * 258 = 32,766). Codes that
// encoder/quantize makes obey this; a kernel that meets others must widen earlier.

#include <cstddef>

#include "encoder/kernels/linear_weights.h"

namespace orthant {

inline constexpr int kMaxPairSum = 258;

// The set that an input belongs to: inputs 8 j + {0, 1, 4, 5} are set 2 j, inputs 8 j + {2, 3, 6, 7} set 2 j + 1. The last sets are
// smaller where 8 does not divide the inputs.
constexpr std::size_t pair_set(std::size_t input) {
  return input / 8 * 2 + input / 2 % 2;
}
constexpr std::size_t pair_set_count(std::size_t inputs) {
  return (inputs + 7) / 8 * 2;
}

// Whether every set of every output keeps the bounds. `inputs` divides codes.size().
bool within_pair_sums(const Int8Weights& weights, std::size_t inputs);

}  // namespace orthant
