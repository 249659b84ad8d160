#include "encoder/quantize/half_floats.h"

#include <bit>

namespace orthant {
namespace {

constexpr std::uint32_t kInfinity = 0x7F800000U;

// value >> bits, rounded to the nearest, ties to even.
std::uint32_t rounded_shift(std::uint32_t value, unsigned bits) {
  const std::uint32_t half = std::uint32_t{1} << (bits - 1);
  const std::uint32_t odd = value >> bits & 1U;
  return (value + (half - 1) + odd) >> bits;
}

}  // namespace

std::uint16_t float16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > kInfinity) return static_cast<std::uint16_t>(sign | 0x7E00U | (magnitude >> 13 & 0x3FFU));
  const std::uint32_t exponent = magnitude >> 23;
  if (exponent > 142) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (exponent >= 113) {
    // A fraction that rounds up carries into the exponent, and from the largest one to infinity.
    return static_cast<std::uint16_t>(sign | rounded_shift(magnitude - (112U << 23), 13));
  }
  if (exponent < 102) return static_cast<std::uint16_t>(sign);
  const std::uint32_t fraction = (magnitude & 0x7FFFFFU) | 0x800000U;
  return static_cast<std::uint16_t>(sign | rounded_shift(fraction, 126U - exponent));
}

std::uint16_t bfloat16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > kInfinity) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>(rounded_shift(bits, 16));
}

}  // namespace orthant
