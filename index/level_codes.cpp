#include "index/level_codes.h"

namespace orthant {

void write_level_code(std::span<const std::int8_t> levels, unsigned bits, std::span<std::uint8_t> code) {
  std::ranges::fill(code, std::uint8_t{0});
  const int largest = largest_level(bits);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto pattern = static_cast<unsigned>(levels[i] + largest) / 2;
    for (unsigned plane = 0; plane < bits; ++plane) {
      const unsigned bit = pattern >> (bits - 1 - plane) & 1;
      code[i / 8 * bits + plane] |= static_cast<std::uint8_t>(bit << (7 - i % 8));
    }
  }
}

std::vector<float> plane_weights(std::span<const float> weights, unsigned bits) {
  if (bits == 1) return {weights.begin(), weights.end()};
  std::vector<float> result(level_code_bytes(weights.size(), bits) * 8);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    for (unsigned plane = 0; plane < bits; ++plane) {
      result[(i / 8 * bits + plane) * 8 + i % 8] = weights[i] * static_cast<float>(1u << (bits - 1 - plane));
    }
  }
  return result;
}

std::vector<std::uint8_t> as_highest_plane(std::span<const std::uint8_t> one_plane, unsigned bits) {
  std::vector<std::uint8_t> code(one_plane.size() * bits);
  for (std::size_t byte = 0; byte < one_plane.size(); ++byte) code[byte * bits] = one_plane[byte];
  return code;
}

}  // namespace orthant
