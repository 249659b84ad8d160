#pragma once
// BitPlanes: the weights of a query over the bits of a code, rounded to a few bits each and laid out as planes for
// kernels/plane_kernels.h. With S the kernel's sum of a row, slope * S + base estimates sum(weight[i] * sign[i]). A value.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/kernels/plane_kernels.h"

namespace orthant {

struct BitPlanes {
  std::vector<std::uint64_t> words;  // plane_count x word_count
  std::size_t word_count = 0;
  std::size_t plane_count = 0;
  float slope = 0;
  float base = 0;
  float reach = 0;  // the sum of the weights' magnitudes

  PlaneQuery query() const { return {words.data(), word_count, plane_count}; }
};

BitPlanes make_bit_planes(std::span<const float> weights, std::size_t plane_count);

// 64-bit words of a code of so many bits.
constexpr std::size_t code_words(std::size_t bits) {
  return (bits + 63) / 64;
}

}  // namespace orthant
