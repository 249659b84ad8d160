#pragma once
// 16-bit floats to 32-bit ones, exactly. Free functions, any thread.

#include <bit>
#include <cstdint>

namespace orthant {

// IEEE binary16: 1 sign, 5 exponent, 10 fraction bits.
inline float float_from_float16(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
  const std::uint32_t exponent = half >> 10 & 0x1f;
  const std::uint32_t fraction = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 0x1f ? 0xff : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

// The upper half of a float.
inline float float_from_bfloat16(std::uint16_t half) {
  return std::bit_cast<float>(std::uint32_t{half} << 16);
}

}  // namespace orthant
