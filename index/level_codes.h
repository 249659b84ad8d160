#pragma once
// Codes of several bits a dimension as bit planes. A value is coded by an odd level l of [-(2^bits - 1), 2^bits - 1], which is the
// sum over planes of 2^k * sign, the sign +1 where the plane's bit is set and -1 where not. So a code of several planes is a 1-bit
// code of that many more dimensions whose weights double from plane to plane, and all who search codes take it as it is.
//
// The bytes of the planes alternate, the highest plane first: byte (i / 8) * bits + plane holds dimension i. So the groups in which
// scans add up table entries hold all planes alike, and the tables' steps stay small. With one bit these are the bytes of ubinary.
// Free functions, any thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace orthant {

constexpr int largest_level(unsigned bits) {
  return (1 << bits) - 1;
}
constexpr std::size_t level_code_bytes(std::size_t dim, unsigned bits) {
  return (dim + 7) / 8 * bits;
}

void write_level_code(std::span<const std::int8_t> levels, unsigned bits, std::span<std::uint8_t> code);

// The weights over the bits of a code, from the weights over its levels.
std::vector<float> plane_weights(std::span<const float> weights, unsigned bits);

// A code of one plane as the highest plane of so many; the lower planes are zeros.
std::vector<std::uint8_t> as_highest_plane(std::span<const std::uint8_t> one_plane, unsigned bits);

// The odd level next to value / step.
inline std::int8_t nearest_level(float value, float inverse_step, int largest) {
  const float bound = static_cast<float>(largest + 1) / 2;
  const float halves = std::clamp(value * inverse_step * 0.5f, -bound, bound - 0.5f);
  const int towards_zero = static_cast<int>(halves);
  const int below = towards_zero - (static_cast<float>(towards_zero) > halves ? 1 : 0);
  return static_cast<std::int8_t>(2 * below + 1);
}

}  // namespace orthant
