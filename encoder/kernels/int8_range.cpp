#include "encoder/kernels/int8_range.h"

#include <algorithm>
#include <array>

namespace orthant {
namespace {

// Inputs of one run of eight (or what is left of it).
bool run_within_sums(const std::int8_t* codes, std::size_t count) {
  std::array<int, 2> positive{};
  std::array<int, 2> negative{};
  for (std::size_t i = 0; i < count; ++i) {
    positive[pair_set(i)] += std::max<int>(codes[i], 0);
    negative[pair_set(i)] += std::min<int>(codes[i], 0);
  }
  return std::max(positive[0], positive[1]) <= kMaxPairSum && std::min(negative[0], negative[1]) >= -kMaxPairSum;
}

}  // namespace

bool within_pair_sums(const Int8Weights& weights, std::size_t inputs) {
  for (std::size_t row = 0; row < weights.codes.size(); row += inputs) {
    for (std::size_t i = 0; i < inputs; i += 8) {
      if (!run_within_sums(weights.codes.data() + row + i, std::min<std::size_t>(8, inputs - i))) return false;
    }
  }
  return true;
}

}  // namespace orthant
